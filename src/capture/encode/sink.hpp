// SPDX-License-Identifier: Apache-2.0
// Where a record's bytes are put together: a bounded piece of the tape, or of scratch memory.
//
// A sink that is full swallows what comes and remembers that it did; the writer then gives the record more room and has
// it encoded again. Nothing here can fail otherwise.
#pragma once

#include <cstring>

#include "p11tape/layout.hpp"

namespace p11tape::capture {

using tape::le;
using tape::u16;
using tape::u32;
using tape::u64;
using tape::u8;

class sink {
 public:
  sink(u8* from, u64 size) noexcept : at_(from), left_(size) {}

  bool overflowed() const noexcept { return overflowed_; }
  u8* position() const noexcept { return at_; }

  /// Room for `size` bytes, or nullptr.
  u8* take(u64 size) noexcept {
    if (left_ < size) [[unlikely]] {
      overflowed_ = true;
      return nullptr;
    }
    u8* here = at_;
    at_ += size;
    left_ -= size;
    return here;
  }

  void number(u64 value) noexcept {
    if (u8* here = take(8)) {
      value = le(value);
      std::memcpy(here, &value, 8);
    }
  }

  /// Zeros up to the next multiple of 8; `start` is where the value began, itself a multiple of 8.
  void pad(const u8* start) noexcept {
    const u64 missing = (~static_cast<u64>(at_ - start) + 1) & 7;
    if (missing == 0) return;
    const bool roomy = left_ >= 8;
    if (u8* here = take(missing)) std::memset(here, 0, roomy ? 8 : missing);  // what lies behind is free
  }

  /// An item whose payload follows; end_item() fills in its size.
  u8* begin_item(u16 field, tape::item_form form, u8 flags = 0) noexcept {
    u8* here = take(sizeof(tape::item_header));
    if (here != nullptr) {
      const tape::item_header h{le(field), static_cast<u8>(form), flags, 0};
      std::memcpy(here, &h, sizeof h);
    }
    return here;
  }

  /// An item without payload.
  void empty_item(u16 field, tape::item_form form, u8 flags) noexcept { begin_item(field, form, flags); }

  void end_item(u8* item) noexcept {
    if (item == nullptr || overflowed_) return;
    const u32 size = le(static_cast<u32>(at_ - item - static_cast<std::ptrdiff_t>(sizeof(tape::item_header))));
    std::memcpy(item + offsetof(tape::item_header, size), &size, sizeof size);
    pad(item);
  }

  /// As end_item(), for an item of which room for the header was taken, and nothing else said yet.
  void finish_item(u8* item, u16 field, tape::item_form form, u8 flags) noexcept {
    if (item == nullptr || overflowed_) return;
    const auto size = static_cast<u64>(at_ - item) - sizeof(tape::item_header);
    const u64 header = le(u64{field} | u64{static_cast<u8>(form)} << 16 | u64{flags} << 24 | size << 32);
    std::memcpy(item, &header, 8);
    pad(item);
  }

  /// A whole item of a struct all of whose fields are numbers: room for them, `size` bytes, or nullptr.
  u8* flat_record_item(u16 field, u64 which, u64 size, u8 flags = 0) noexcept {
    u8* here = take(sizeof(tape::item_header) + sizeof which + size);
    if (here == nullptr) return nullptr;
    const tape::item_header h{le(field), static_cast<u8>(tape::item_form::record), flags,
                              le(static_cast<u32>(sizeof which + size))};
    which = le(which);
    std::memcpy(here, &h, sizeof h);
    std::memcpy(here + sizeof h, &which, sizeof which);
    return here + sizeof h + sizeof which;
  }

  void number_item(u16 field, u64 value) noexcept {
    if (u8* here = take(16)) {
      const tape::item_header h{le(field), static_cast<u8>(tape::item_form::number), 0, le(u32{8})};
      value = le(value);
      std::memcpy(here, &h, sizeof h);
      std::memcpy(here + 8, &value, 8);
    }
  }

 private:
  u8* at_;
  u64 left_;  // bytes: a number that the compiler often knows
  bool overflowed_ = false;
};

}  // namespace p11tape::capture
