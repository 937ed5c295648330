// SPDX-License-Identifier: Apache-2.0
// The encoder's code of each function's row.
//
// The interpreter (encode.cpp) asks of every step at run time what it is. For the calls that most tapes consist of, the
// compiler is given the steps as constants: what remains of all those questions is what depends on the call. Both write
// the same bytes. A step that is not worth code of its own is handed to the interpreter.
#include <cstring>
#include <utility>

#include "capture/encode/encode.hpp"
#include "capture/encode/steps.hpp"
#include "capture/host/valgrind.hpp"

namespace p11tape::capture {

using cryptoki::effect;
using cryptoki::flow;
using cryptoki::redaction_class;
using cryptoki::shape;
using cryptoki::treatment;
using tape::item_form;

namespace {

// What applications call all the time: operations with keys, searches, attributes, the state of sessions.
constexpr bool is_frequent(const cryptoki::function_row& row) noexcept {
  if (row.since != cryptoki::version::v2_40) return false;
  switch (row.does) {
    case effect::begin:
    case effect::single:
    case effect::update:
    case effect::finish:
    case effect::find_begin:
    case effect::find_step:
    case effect::find_end:
    case effect::describe_object:
      return true;
    default:
      return row.name == "C_GetSessionInfo" || row.name == "C_GenerateRandom";
  }
}

// One number behind a pointer.
constexpr bool is_number(const step& s) noexcept {
  return s.kind == shape::numbers && s.count < 0 && (s.way == flow::out || s.way == flow::inout);
}

// One struct that the call writes.
constexpr bool is_output_record(const step& s) noexcept {
  return s.kind == shape::records && s.count < 0 && s.way == flow::out;
}

// Bytes whose class depends on nothing.
constexpr bool is_bytes(const step& s) noexcept {
  return s.kind == shape::bytes && !s.terminated && s.secret != redaction_class::by_otp_type;
}

constexpr bool is_counted_by_argument(const step& s, std::span<const step> all) noexcept {
  return s.count >= 0 && s.cap < 0 && !s.counts_bits && all[static_cast<std::size_t>(s.count)].kind == shape::number;
}

}  // namespace

template <u64 Size>
[[gnu::always_inline]] inline u64 encoder::print_readable(const u8* at) const noexcept {
  static_assert(Size <= most_room_bytes);
  if (under_memcheck() && valgrind::state_of(at, Size) != valgrind::memory::defined) [[unlikely]]
    return undefined_room;
  return usable(fingerprint(how_.room_key, at, Size));
}

template <u64 Size>
[[gnu::always_inline]] inline void encoder::note_readable(const u8* at) noexcept {
  rooms_.note(at, Size, print_readable<Size>(at));
}

// ---- Before the call ----

template <const auto& Steps, u16 I>
[[gnu::always_inline]] inline u64 encoder::number_before([[maybe_unused]] sink& out, const u64* words) noexcept {
  constexpr step s = Steps[I];
  const u8* const at = as_pointer(words[I]);
  if (!readable(pages_, at, sizeof(CK_ULONG))) [[unlikely]] {
    rooms_.note(at, sizeof(CK_ULONG), no_fingerprint);
    return s.way == flow::out ? 0 : u64{tape::pointer_bad};
  }
  note_readable<sizeof(CK_ULONG)>(at);
  if constexpr (s.way == flow::inout) {
    CK_ULONG value = 0;
    copy_from_caller(&value, at, sizeof value);
    if constexpr (s.written) {
      caps_.counter = value;
      caps_.counter_known = true;
      if constexpr (s.counts >= 0)  // a length for which there is no buffer is an output only
        if (words[s.counts] == 0 && value != 0) {
          out.end_item(out.begin_item(I, item_form::none, tape::item_withheld));
          return 0;
        }
    }
    out.number_item(I, shown_number(s, value));
  }
  return 0;
}

template <const auto& Steps, u16 I>
[[gnu::always_inline]] inline u64 encoder::bytes_before(sink& out, const u64* words) noexcept {
  constexpr step s = Steps[I];
  if (words[s.count] > absurd_length) [[unlikely]]
    return tape::pointer_bad;
  switch (cryptoki::treat(how_.profile, s.secret)) {
    case treatment::length:
      return tape::pointer_withheld;
    case treatment::withhold:
      return tape::pointer_withheld | tape::pointer_length_withheld;
    case treatment::rounded_length:
      return tape::pointer_withheld | tape::pointer_length_rounded;
    default:
      return bytes(out, {Steps, reinterpret_cast<const u8*>(words)}, s, I, phase::before, as_pointer(words[I]));
  }
}

// The bits of a pointer's word besides `given`.
template <const auto& Steps, u16 I>
[[gnu::always_inline]] inline u64 encoder::pointer_before(sink& out, const u64* words) noexcept {
  constexpr step s = Steps[I];
  if constexpr (is_number(s)) {
    return number_before<Steps, I>(out, words);
  } else if constexpr (is_output_record(s)) {
    constexpr u64 size = cryptoki::records[s.target].size;
    const u8* const at = as_pointer(words[I]);
    if (readable(pages_, at, size)) [[likely]]
      note_readable<size>(at);
    else
      rooms_.note(at, size, no_fingerprint);
    return 0;
  } else if constexpr (is_bytes(s) && s.way == flow::in && is_counted_by_argument(s, Steps)) {
    return bytes_before<Steps, I>(out, words);
  } else if constexpr (s.kind == shape::attributes && s.way != flow::inout && is_counted_by_argument(s, Steps)) {
    if (words[s.count] > absurd_length) [[unlikely]]
      return tape::pointer_bad;
    constexpr bool is_question = s.way == flow::out;
    return attributes(out, I, as_pointer(words[I]), words[s.count], !is_question, is_question, 0);
  } else if constexpr (s.kind == shape::mechanism && s.way == flow::in) {
    return mechanism(out, I, as_pointer(words[I]), phase::before, 0);
  } else {
    if constexpr (is_bytes(s) && s.way == flow::out)  // a buffer of which nothing will be recorded
      if (cryptoki::treat(how_.profile, s.secret) == treatment::length) [[likely]]
        return 0;
    return pointer_word(out, {Steps, reinterpret_cast<const u8*>(words)}, I, phase::before, false, 0);
  }
}

template <const auto& Steps, u16 I>
[[gnu::always_inline]] inline u64 encoder::word_before([[maybe_unused]] sink& out, const u64* words) noexcept {
  constexpr step s = Steps[I];
  static_assert(!s.embedded && s.offset == 8 * I && s.size == 8);
  if constexpr (cryptoki::is_pointer(s.kind)) {
    return words[I] == 0 ? 0 : tape::pointer_given | pointer_before<Steps, I>(out, words);
  } else {
    static_assert(s.way == flow::none);
    if constexpr (s.plain)
      return words[I];
    else
      return shown_number(s, words[I]);
  }
}

template <const auto& Steps>
void encoder::enter_row(encoder& e, sink& out, const u64* words) noexcept {
  u8* const at = out.take(8 * Steps.size());
  if (at == nullptr) return;
  const auto put = [&](std::size_t i, u64 word) {
    word = le(word);
    std::memcpy(at + 8 * i, &word, 8);
  };
  [&]<std::size_t... I>(std::index_sequence<I...>) { (put(I, e.template word_before<Steps, I>(out, words)), ...); }
  (std::make_index_sequence<Steps.size()>());
}

// ---- After it ----

template <const auto& Steps, u16 I>
[[gnu::always_inline]] inline void encoder::number_after(sink& out, const u64* words) noexcept {
  constexpr step s = Steps[I];
  const u8* const at = as_pointer(words[I]);
  if (!readable(pages_, at, sizeof(CK_ULONG))) [[unlikely]]
    return;
  CK_ULONG value = 0;
  copy_from_caller(&value, at, sizeof value);
  bool given = s.written;
  if constexpr (s.written && s.counts >= 0) given = words[s.counts] != 0;
  if (!given) {
    const auto* room = rooms_.find(at);
    const bool looked = room != nullptr && room->seen != no_fingerprint;
    const u64 now = looked ? print_readable<sizeof(CK_ULONG)>(at) : u64{no_fingerprint};
    if (now > undefined_room && now != room->seen) {
      if constexpr (!s.written) how_.numbers->add(value);
    } else if (!how_.numbers->has(value)) {
      return unchanged(out, I);
    }
  }
  out.number_item(I, shown_number(s, value));
}

template <const auto& Steps, u16 I>
[[gnu::always_inline]] inline void encoder::record_after(sink& out, const u64* words) noexcept {
  constexpr step s = Steps[I];
  constexpr u64 size = cryptoki::records[s.target].size;
  const u8* const at = as_pointer(words[I]);
  if (!readable(pages_, at, size)) [[unlikely]]
    return;
  const auto* room = rooms_.find(at);
  const bool looked = room != nullptr && room->seen != no_fingerprint;
  const u64 now = looked ? print_readable<size>(at) : u64{no_fingerprint};
  u8 flags = 0;
  if (now > undefined_room && now != room->seen) {
    how_.contents->add(now);
  } else {
    if (now <= undefined_room || rv_ != CKR_OK || !how_.contents->has(now)) return unchanged(out, I);
    flags = tape::item_unchanged;
  }
  record(out, I, s.target, at, phase::after, 0, flags);
}

template <const auto& Steps, u16 I>
[[gnu::always_inline]] inline void encoder::output_after([[maybe_unused]] sink& out, const u64* words) noexcept {
  constexpr step s = Steps[I];
  if constexpr (cryptoki::is_pointer(s.kind) && (s.way == flow::out || s.way == flow::inout)) {
    if (words[I] == 0 || !may_be_written(s, rv_)) return;
    if constexpr (is_number(s)) {
      number_after<Steps, I>(out, words);
    } else if constexpr (is_output_record(s)) {
      record_after<Steps, I>(out, words);
    } else if constexpr (s.kind == shape::attributes && s.way == flow::out && is_counted_by_argument(s, Steps)) {
      if (words[s.count] <= absurd_length) attributes(out, I, as_pointer(words[I]), words[s.count], true, true, 0);
    } else {
      if constexpr (is_bytes(s))  // what is said of them is said in the ENTER
        if (cryptoki::treat(how_.profile, s.secret) == treatment::length) [[likely]]
          return;
      pointer(out, {Steps, reinterpret_cast<const u8*>(words)}, I, phase::after, 0);
    }
  }
}

template <const auto& Steps>
void encoder::leave_row(encoder& e, sink& out, const u64* words) noexcept {
  [&]<std::size_t... I>(std::index_sequence<I...>) { (e.template output_after<Steps, I>(out, words), ...); }
  (std::make_index_sequence<Steps.size()>());
}

// ---- All rows ----

template <const auto& Steps>
constexpr encoder::row_code encoder::code_of(const cryptoki::function_row& row) noexcept {
  bool has_outputs = false;
  for (const auto& s : Steps)
    has_outputs = has_outputs || (cryptoki::is_pointer(s.kind) && (s.way == flow::out || s.way == flow::inout));
  if (is_frequent(row)) return {&enter_row<Steps>, has_outputs ? &leave_row<Steps> : nullptr};
  return {&enter_any, has_outputs ? &leave_any : nullptr};
}

constexpr std::array<encoder::row_code, cryptoki::function_count> encoder::row_codes{
#define FN(name, ...) code_of<steps::name##_steps>(cryptoki::row(cryptoki::function::name)),
#include "cryptoki/functions.def"
#undef FN
};

}  // namespace p11tape::capture
