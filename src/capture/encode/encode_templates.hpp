// SPDX-License-Identifier: Apache-2.0
// The templates of frequent rows under the default profile: C_FindObjectsInit, C_GetAttributeValue.
//
// It writes what encode_attributes.cpp writes, for entries of which nearly every template consists: readable values of the
// types that attribute_codes.hpp knows, none of them long. Any other entry is handed to the general code, by itself. Nothing
// of an entry is decided twice: what is handed over is read again by who decides.
//
// What changes while a template is walked is in copies of which no other code knows, so that they need no memory.
#pragma once

#include <bit>
#include <cstring>

#include "capture/encode/attribute_codes.hpp"
#include "capture/encode/encode.hpp"
#include "capture/encode/known_constants.hpp"

namespace p11tape::capture {

namespace templates {

/// Longer values are left to the general code.
inline constexpr u64 most_bytes = 32;

[[gnu::always_inline]] inline void put_word(u8* at, u64 word) noexcept {
  word = le(word);
  std::memcpy(at, &word, 8);
}

/// The header of an attribute, in whole words.
[[gnu::always_inline]] inline void put_header(u8* at, u64 type, u64 length, u64 form, u64 flags, u64 size) noexcept {
  put_word(at, type);
  put_word(at + 8, length);
  put_word(at + 16, form | flags << 8 | size << 32);
}

/// A value of 1 to most_bytes bytes, with zeros up to the next multiple of 8. Reads no byte beyond it.
[[gnu::always_inline]] inline void put_value(u8* to, const u8* from, u64 size) noexcept {
  using detail::load;
  if constexpr (std::endian::native != std::endian::little) {
    std::memset(to + tape::padded(size) - 8, 0, 8);
    copy_from_caller(to, from, size);
    return;
  }
  u64 last = 0;
  const u64 rest = size & 7;
  if (size >= 8) {
    const u8* const end = from + size;
    for (; end - from >= 8; from += 8, to += 8) put_word(to, load<u64>(from));
    if (rest == 0) return;
    last = load<u64>(end - 8) >> (64 - 8 * rest);
  } else if (size >= 4) {
    last = load<u32>(from) | u64{load<u32>(from + size - 4)} << (8 * size - 32);
  } else {
    for (u64 i = 0; i < size; ++i) last |= u64{load<u8>(from + i)} << (8 * i);
  }
  put_word(to, last);
}

/// As may_hold_pin(), for at most most_bytes bytes.
[[gnu::always_inline]] inline bool may_hold_pin_here(const u8* text, u64 size) noexcept {
  using detail::load;
  typedef u8 many __attribute__((vector_size(16)));
  typedef u64 pair __attribute__((vector_size(16)));
  if (size < 8) return may_hold_pin(text, size);
  many first, last;
  if (size >= sizeof(many)) {
    first = load<many>(text);
    last = load<many>(text + size - sizeof(many));
  } else {
    first = reinterpret_cast<many>(pair{load<u64>(text), load<u64>(text + size - 8)});
    last = first;
  }
  many found{};
  for (const u8 letter : pin_letters)
    found |= reinterpret_cast<many>((first == many{} + letter) | (last == many{} + letter));
  const pair halves = reinterpret_cast<pair>(found);
  return (halves[0] | halves[1]) != 0;
}

constexpr u64 form_of(tape::item_form f) noexcept { return static_cast<u8>(f); }

}  // namespace templates

// Knows the page that was found readable last: values lie beside each other.
class encoder::near_page {
 public:
  /// `seen`: an address that was found readable.
  explicit near_page(const u8* seen) noexcept : in_(address(seen)) {}
  void move_to(const u8* seen) noexcept { in_ = address(seen); }
  /// `size` is not 0.
  bool has(const u8* at, u64 size) const noexcept {
    return ((address(at) ^ in_) | ((address(at) + (size - 1)) ^ in_)) >> 12 == 0;
  }

 private:
  static std::uintptr_t address(const u8* at) noexcept { return reinterpret_cast<std::uintptr_t>(at); }
  std::uintptr_t in_;
};

[[gnu::always_inline]] inline bool encoder::can_see(near_page& near, const u8* at, u64 size) noexcept {
  if (near.has(at, size)) [[likely]]
    return true;
  if (!readable(pages_, at, size)) return false;
  near.move_to(at);
  return true;
}

[[gnu::always_inline]] inline u64 encoder::print_of_value(const u8* at, u64 size) const noexcept {
  if (size > templates::most_bytes) __builtin_unreachable();
  return usable(fingerprint(how_.room_key, at, size));
}

// A template with values that the caller gives.
[[gnu::always_inline]] inline u64 encoder::template_given(sink& to, u16 index, const siblings& all) noexcept {
  using namespace templates;
  if (all.count - 1 >= most_attributes || !readable(pages_, all.at, all.count * sizeof(CK_ATTRIBUTE)) ||
      under_memcheck()) [[unlikely]]
    return attributes(to, index, all.at, all.count, true, false, 0);
  u8* const item = to.take(sizeof(tape::item_header));
  sink out = to;
  near_page near(all.at);
  const u64 most = how_.most_bytes < most_bytes ? how_.most_bytes : most_bytes;
  const u8* entry = all.at;
  for (u64 i = 0; i < all.count && !out.overflowed(); ++i, entry += sizeof(CK_ATTRIBUTE)) {
    CK_ATTRIBUTE a;
    copy_from_caller(&a, entry, sizeof a);
    const auto* const value = static_cast<const u8*>(a.pValue);
    const auto code = code_of_attribute(a.type);
    if (code == attribute_code::constant || code == attribute_code::number) {
      if (a.ulValueLen == sizeof(CK_ULONG) && can_see(near, value, sizeof(CK_ULONG))) [[likely]] {
        const u64 number = detail::load<CK_ULONG>(value);
        if (u8* const here = out.take(sizeof(tape::attribute_header) + 8)) {
          put_header(here, a.type, sizeof(CK_ULONG), form_of(tape::item_form::number), 0, 8);
          put_word(here + sizeof(tape::attribute_header), number);
        }
        continue;
      }
    } else if (code != attribute_code::by_row && a.ulValueLen - 1 < most && can_see(near, value, a.ulValueLen)) {
      const u64 size = a.ulValueLen;
      const bool other = code == attribute_code::flag ? size != sizeof(CK_BBOOL)
                                                      : code == attribute_code::name && may_hold_pin_here(value, size);
      if (!other) [[likely]] {
        if (u8* const here = out.take(sizeof(tape::attribute_header) + tape::padded(size))) {
          put_header(here, a.type, size, form_of(tape::item_form::bytes), 0, size);
          put_value(here + sizeof(tape::attribute_header), value, size);
        }
        continue;
      }
    }
    to = out;
    one_entry<true, false>(to, entry, all);
    out = to;
  }
  to = out;
  to.finish_item(item, index, tape::item_form::template_, 0);
  return 0;
}

// A template before the call that fills it: types and room.
[[gnu::always_inline]] inline u64 encoder::template_asked(sink& to, u16 index, const siblings& all) noexcept {
  using namespace templates;
  if (all.count - 1 >= most_attributes || !readable(pages_, all.at, all.count * sizeof(CK_ATTRIBUTE)) ||
      under_memcheck()) [[unlikely]]
    return attributes(to, index, all.at, all.count, false, true, 0);
  u8* const item = to.take(sizeof(tape::item_header));
  sink out = to;
  room_cursor rooms = rooms_;
  near_page near(all.at);
  const u8* entry = all.at;
  for (u64 i = 0; i < all.count && !out.overflowed(); ++i, entry += sizeof(CK_ATTRIBUTE)) {
    CK_ATTRIBUTE a;
    copy_from_caller(&a, entry, sizeof a);
    const auto* const value = static_cast<const u8*>(a.pValue);
    u64 length = a.ulValueLen, flags = 0;
    if (value == nullptr) {
      rooms.note(entry, a.ulValueLen, no_fingerprint);
      length = 0;
      flags = tape::item_null;
    } else if (code_of_attribute(a.type) != attribute_code::by_row && length - 1 < most_bytes &&
               can_see(near, value, length)) [[likely]] {
      rooms.note(value, length, print_of_value(value, length));
    } else {
      to = out;
      rooms_ = rooms;
      one_entry<false, true>(to, entry, all);
      out = to;
      rooms = rooms_;
      continue;
    }
    if (u8* const here = out.take(sizeof(tape::attribute_header))) put_header(here, a.type, length, 0, flags, 0);
  }
  to = out;
  rooms_ = rooms;
  to.finish_item(item, index, tape::item_form::template_, 0);
  return 0;
}

// The same after it.
[[gnu::always_inline]] inline void encoder::template_written(sink& to, u16 index, const siblings& all) noexcept {
  using namespace templates;
  if (all.count - 1 >= most_attributes || !readable(pages_, all.at, all.count * sizeof(CK_ATTRIBUTE)) ||
      under_memcheck()) [[unlikely]] {
    attributes(to, index, all.at, all.count, true, true, 0);
    return;
  }
  const bool done = rv_ == CKR_OK;
  u8* const item = to.take(sizeof(tape::item_header));
  sink out = to;
  room_cursor rooms = rooms_;
  near_page near(all.at);
  const u64 most = how_.most_bytes < most_bytes ? how_.most_bytes : most_bytes;
  const u8* entry = all.at;
  // True if the entry is done with: what it says has its room, which is the next one, and the room its old size.
  const auto in_place = [&](const CK_ATTRIBUTE& a, const output_room* room) __attribute__((always_inline)) {
    const auto code = code_of_attribute(a.type);
    const auto* const value = static_cast<const u8*>(a.pValue);
    const u64 size = a.ulValueLen;
    if (code == attribute_code::by_row || room == nullptr || room->seen <= undefined_room || room->size != size ||
        size - 1 >= most || !can_see(near, value, size)) [[unlikely]]
      return false;
    const bool is_number = code == attribute_code::constant || code == attribute_code::number;
    if (is_number && size != sizeof(CK_ULONG)) return false;
    if (code == attribute_code::flag && size != sizeof(CK_BBOOL)) return false;
    const u64 now = print_of_value(value, size);
    u64 flags = 0, form = form_of(is_number ? tape::item_form::number : tape::item_form::bytes);
    // What has not changed may still be the only thing that the call can have meant, or known (find_written()).
    if (now == room->seen) {
      bool is_constant = false;
      if (done && code == attribute_code::flag) is_constant = detail::load<u8>(value) <= 1;
      if (done && is_number) {
        const u64 number = detail::load<CK_ULONG>(value);
        is_constant = code == attribute_code::constant && constants_found.has(a.type, number);
        if (!is_constant && (code == attribute_code::constant || number == CK_UNAVAILABLE_INFORMATION)) return false;
      }
      if (!is_constant) {
        flags = tape::item_unchanged;
        if (!done || !how_.contents->has(now)) form = 0;
      }
    }
    if (form == 0) {
      if (u8* const here = out.take(sizeof(tape::attribute_header))) put_header(here, a.type, size, 0, flags, 0);
      return true;
    }
    if (code == attribute_code::name && may_hold_pin_here(value, size)) return false;
    u8* const here = out.take(sizeof(tape::attribute_header) + tape::padded(size));
    if (here == nullptr) return true;
    put_header(here, a.type, size, form, flags, is_number ? 8 : size);
    if (is_number)
      put_word(here + sizeof(tape::attribute_header), detail::load<CK_ULONG>(value));
    else
      put_value(here + sizeof(tape::attribute_header), value, size);
    if (size > sizeof(CK_BBOOL)) how_.contents->add(now);  // a later call may find it in its buffer
    return true;
  };
  for (u64 i = 0; i < all.count && !out.overflowed(); ++i, entry += sizeof(CK_ATTRIBUTE)) {
    CK_ATTRIBUTE a;
    copy_from_caller(&a, entry, sizeof a);
    const auto* const room = rooms.next_at(a.pValue != nullptr ? static_cast<const u8*>(a.pValue) : entry);
    if (a.pValue != nullptr) {
      if (in_place(a, room)) [[likely]] {
        rooms.pass();
        continue;
      }
    } else if (room != nullptr && a.ulValueLen != CK_UNAVAILABLE_INFORMATION) {  // what the value would take
      const bool known = room->size != a.ulValueLen || a.ulValueLen == 0;
      const u64 flags = u64{tape::item_null} | (known ? u64{0} : u64{tape::item_unchanged});
      if (u8* const here = out.take(sizeof(tape::attribute_header)))
        put_header(here, a.type, known ? u64{a.ulValueLen} : 0, 0, flags, 0);
      rooms.pass();
      continue;
    }
    to = out;
    rooms_ = rooms;
    one_entry<true, true>(to, entry, all);
    out = to;
    rooms = rooms_;
  }
  to = out;
  rooms_ = rooms;
  to.finish_item(item, index, tape::item_form::template_, 0);
}

}  // namespace p11tape::capture
