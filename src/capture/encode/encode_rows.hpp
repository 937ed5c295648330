// SPDX-License-Identifier: Apache-2.0
// The encoder's code of a function's row, where the compiler is given the row.
//
// The interpreter (encode.cpp) asks of every step at run time what it is. For the calls that most tapes consist of, the
// compiler is given the steps as constants: what remains of all those questions is what depends on the call. Both write
// the same bytes. A step that is not worth code of its own is handed to the interpreter.
//
// Where the profile is known to be the default one, what it withholds is known as well. Then nothing of a frequent row
// leaves this file unless it must: an encoder that no other code sees needs no memory.
#pragma once

#include <cstring>
#include <utility>

#include "capture/encode/encode.hpp"
#include "capture/encode/encode_templates.hpp"
#include "capture/encode/plan_rows.hpp"
#include "capture/host/valgrind.hpp"

namespace p11tape::capture {

namespace rows {

using cryptoki::effect;
using cryptoki::flow;
using cryptoki::redaction_class;
using cryptoki::shape;
using cryptoki::treatment;
using tape::item_form;

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

// True for a row of which an ENTER under the default profile has words alone.
constexpr bool is_words_alone(std::span<const step> all) noexcept {
  for (const auto& s : all) {
    const bool withheld = is_bytes(s) && cryptoki::treat(0, s.secret) == treatment::length &&
                          (s.way == flow::out || (s.way == flow::in && is_counted_by_argument(s, all)));
    const bool written = (is_number(s) && s.way == flow::out) || is_output_record(s);
    if (cryptoki::is_pointer(s.kind) && !withheld && !written) return false;
  }
  return true;
}

constexpr bool has_outputs(std::span<const step> all) noexcept { return steps::make_plan(all).outputs != 0; }

inline constexpr bool is_flat[] = {
#define STRUCT(name, ...) steps::make_plan(steps::name##_steps).flat,
#include "cryptoki/structs.def"
#undef STRUCT
};

}  // namespace rows

template <u64 Size>
[[gnu::always_inline]] inline u64 encoder::print_readable(const u8* at) const noexcept {
  static_assert(Size <= most_room_bytes);
  if (under_memcheck() && valgrind::state_of(at, Size) != valgrind::memory::defined) [[unlikely]]
    return undefined_room;
  return usable(fingerprint(how_.room_key, at, Size));
}

// ---- Before the call ----

template <const auto& Steps, u16 I, bool Default>
[[gnu::always_inline]] inline u64 encoder::number_before([[maybe_unused]] sink& out, const u64* words) noexcept {
  using namespace rows;
  constexpr step s = Steps[I];
  const u8* const at = as_pointer(words[I]);
  if (!readable(pages_, at, sizeof(CK_ULONG))) [[unlikely]] {
    rooms_.note(at, sizeof(CK_ULONG), no_fingerprint);
    return s.way == flow::out ? 0 : u64{tape::pointer_bad};
  }
  rooms_.note(at, sizeof(CK_ULONG), print_readable<sizeof(CK_ULONG)>(at));
  if constexpr (s.way == flow::inout) {
    CK_ULONG value = 0;
    copy_from_caller(&value, at, sizeof value);
    if constexpr (s.written) {
      caps_.counter = value;
      caps_.counter_known = true;
      if constexpr (s.counts >= 0)  // a length for which there is no buffer is an output only
        if (words[s.counts] == 0 && value != 0) {
          out.empty_item(I, item_form::none, tape::item_withheld);
          return 0;
        }
    }
    out.number_item(I, shown(profile<Default>(), s, value));
  }
  return 0;
}

template <const auto& Steps, u16 I, bool Default>
[[gnu::always_inline]] inline u64 encoder::bytes_before(sink& out, const u64* words) noexcept {
  using namespace rows;
  constexpr step s = Steps[I];
  if (words[s.count] > absurd_length) [[unlikely]]
    return tape::pointer_bad;
  const auto treated = cryptoki::treat(profile<Default>(), s.secret);
  if (treated == treatment::whole || treated == treatment::pin_facts)
    return bytes(out, {Steps, reinterpret_cast<const u8*>(words)}, s, I, phase::before, as_pointer(words[I]));
  return bits_without_value(treated);
}

// The bits of a pointer's word besides `given`.
template <const auto& Steps, u16 I, bool Default>
[[gnu::always_inline]] inline u64 encoder::pointer_before(sink& out, const u64* words) noexcept {
  using namespace rows;
  constexpr step s = Steps[I];
  if constexpr (is_number(s)) {
    return number_before<Steps, I, Default>(out, words);
  } else if constexpr (is_output_record(s)) {
    constexpr u64 size = cryptoki::records[s.target].size;
    const u8* const at = as_pointer(words[I]);
    rooms_.note(at, size, readable(pages_, at, size) ? print_readable<size>(at) : u64{no_fingerprint});
    return 0;
  } else if constexpr (is_bytes(s) && s.way == flow::in && is_counted_by_argument(s, Steps)) {
    return bytes_before<Steps, I, Default>(out, words);
  } else if constexpr (s.kind == shape::attributes && s.way != flow::inout && is_counted_by_argument(s, Steps)) {
    if (words[s.count] > absurd_length) [[unlikely]]
      return tape::pointer_bad;
    constexpr bool is_question = s.way == flow::out;
    if constexpr (Default && is_question)
      return template_asked(out, I, {as_pointer(words[I]), words[s.count]});
    else if constexpr (Default)
      return template_given(out, I, {as_pointer(words[I]), words[s.count]});
    else
      return attributes(out, I, as_pointer(words[I]), words[s.count], !is_question, is_question, 0);
  } else if constexpr (s.kind == shape::mechanism && s.way == flow::in) {
    return mechanism(out, I, as_pointer(words[I]), phase::before, 0);
  } else {
    if constexpr (is_bytes(s) && s.way == flow::out)  // a buffer of which nothing will be recorded
      if (cryptoki::treat(profile<Default>(), s.secret) == treatment::length) [[likely]]
        return 0;
    return pointer_word(out, {Steps, reinterpret_cast<const u8*>(words)}, I, phase::before, false, 0);
  }
}

template <const auto& Steps, u16 I, bool Default>
[[gnu::always_inline]] inline u64 encoder::word_before([[maybe_unused]] sink& out, const u64* words) noexcept {
  using namespace rows;
  constexpr step s = Steps[I];
  static_assert(!s.embedded && s.offset == 8 * I && s.size == 8);
  if constexpr (cryptoki::is_pointer(s.kind)) {
    return words[I] == 0 ? 0 : tape::pointer_given | pointer_before<Steps, I, Default>(out, words);
  } else {
    static_assert(s.way == flow::none);
    if constexpr (s.plain)
      return words[I];
    else
      return shown(profile<Default>(), s, words[I]);
  }
}

template <const auto& Steps, bool Default>
[[gnu::always_inline]] inline void encoder::fields_before(sink& out, const u64* words) noexcept {
  u8* const at = out.take(8 * Steps.size());
  if (at == nullptr) return;
  const auto put = [&](std::size_t i, u64 word) {
    word = le(word);
    std::memcpy(at + 8 * i, &word, 8);
  };
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (put(I, this->template word_before<Steps, I, Default>(out, words)), ...);
  }
  (std::make_index_sequence<Steps.size()>());
}

template <const auto& Steps>
[[gnu::always_inline]] inline void encoder::enter_default(sink& out, cryptoki::function f, const u64* words) noexcept {
  function_ = f;
  caps_.counter_known = false;
  rooms_.begin();
  fields_before<Steps, true>(out, words);
}

// ---- After it ----

template <const auto& Steps, u16 I, bool Default>
[[gnu::always_inline]] inline void encoder::number_after(sink& out, const u64* words) noexcept {
  using namespace rows;
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
  out.number_item(I, shown(profile<Default>(), s, value));
}

// A room of the struct's own size whose fingerprint was taken could be read, and is not asked about again.
template <const auto& Steps, u16 I>
[[gnu::always_inline]] inline void encoder::record_after(sink& out, const u64* words) noexcept {
  using namespace rows;
  constexpr step s = Steps[I];
  constexpr u64 size = cryptoki::records[s.target].size;
  const u8* const at = as_pointer(words[I]);
  const auto* room = rooms_.find(at);
  if (room == nullptr || room->seen == no_fingerprint || room->size != size) [[unlikely]]
    return readable(pages_, at, size) ? unchanged(out, I) : void();
  const u64 now = print_readable<size>(at);
  u8 flags = 0;
  if (now > undefined_room && now != room->seen) {
    how_.contents->add(now);
  } else {
    if (now <= undefined_room || rv_ != CKR_OK || !how_.contents->has(now)) return unchanged(out, I);
    flags = tape::item_unchanged;
  }
  if constexpr (is_flat[s.target]) {
    if (u8* to = out.flat_record_item(I, s.target, size, flags)) copy_from_caller(to, at, size);
  } else {
    record(out, I, s.target, at, phase::after, 0, flags);
  }
}

template <const auto& Steps, u16 I, bool Default>
[[gnu::always_inline]] inline void encoder::output_after([[maybe_unused]] sink& out, const u64* words) noexcept {
  using namespace rows;
  constexpr step s = Steps[I];
  if constexpr (cryptoki::is_pointer(s.kind) && (s.way == flow::out || s.way == flow::inout)) {
    if (words[I] == 0 || !may_be_written(s, rv_)) return;
    if constexpr (is_number(s)) {
      number_after<Steps, I, Default>(out, words);
    } else if constexpr (is_output_record(s)) {
      record_after<Steps, I>(out, words);
    } else if constexpr (s.kind == shape::attributes && s.way == flow::out && is_counted_by_argument(s, Steps)) {
      if (words[s.count] > absurd_length) [[unlikely]]
        return;
      if constexpr (Default)
        template_written(out, I, {as_pointer(words[I]), words[s.count]});
      else
        attributes(out, I, as_pointer(words[I]), words[s.count], true, true, 0);
    } else {
      if constexpr (is_bytes(s))  // what is said of them is said in the ENTER
        if (cryptoki::treat(profile<Default>(), s.secret) == treatment::length) [[likely]]
          return;
      pointer(out, {Steps, reinterpret_cast<const u8*>(words)}, I, phase::after, 0);
    }
  }
}

template <const auto& Steps, bool Default>
[[gnu::always_inline]] inline void encoder::outputs_after(sink& out, const u64* words) noexcept {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (this->template output_after<Steps, I, Default>(out, words), ...);
  }
  (std::make_index_sequence<Steps.size()>());
}

template <const auto& Steps>
[[gnu::always_inline]] inline void encoder::leave_default(sink& out, cryptoki::function f, const u64* words,
                                                          u64 rv) noexcept {
  if constexpr (rows::has_outputs(Steps)) {
    function_ = f;
    rv_ = rv;
    rooms_.resume();
    outputs_after<Steps, true>(out, words);
  }
}

}  // namespace p11tape::capture
