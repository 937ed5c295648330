// SPDX-License-Identifier: Apache-2.0
#include "tape/packed.hpp"

#include <array>

namespace p11tape::tape {
namespace {

constexpr std::size_t group = 64;  // bytes of eight words, which one control describes
constexpr u32 every = 0x11111111;  // one bit of each number of a control

// The bytes of a word that count, by their number.
constexpr auto masks = [] {
  std::array<u64, 9> all{};
  for (std::size_t n = 1; n < all.size(); ++n) all[n] = ~u64{0} >> (64 - 8 * n);
  return all;
}();

u32 control_of(const std::byte* at) noexcept {
  u32 control;
  std::memcpy(&control, at, 4);
  return le(control);
}

// Eight words whose sizes are 0 to 8; reads 64 bytes at most. Answers how many bytes they take.
std::size_t unpack_group(u32 control, const std::byte* from, std::byte* into) noexcept {
  const auto* const start = from;
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i, control >>= 4) {
    const u32 n = control & 15;
    u64 word;
    std::memcpy(&word, from, 8);
    word = le(le(word) & masks[n]);
    std::memcpy(into + 8 * i, &word, 8);
    from += n;
  }
  return static_cast<std::size_t>(from - start);
}

}  // namespace

std::size_t unpack(const std::byte* from, std::size_t size, std::byte* into, std::size_t behind) noexcept {
  const auto* const start = into;
  const auto* const end = from + size;
  // The controls come first; the last one has the end in it, which is in its highest place at least.
  const auto* controls = from;
  while (end - from >= 4 && control_of(from) >> 28 != 15) from += 4;
  if (end - from < 4 || static_cast<std::size_t>(from - controls) > largest_packed_body / 16) return malformed;
  for (from += 4;; controls += 4) {
    u32 control = control_of(controls);
    const u32 over_8 = control >> 3 & (control | control >> 1 | control >> 2) & every;
    int words = 8;
    if (over_8 != 0) {
      const int place = __builtin_ctz(over_8);
      if ((control >> place & 15) != 15) return malformed;
      words = place / 4;
      control &= (u32{1} << place) - 1;
    }
    const auto left = static_cast<std::size_t>(end - from);
    std::size_t taken = 0;
    if (left + behind >= group) [[likely]] {
      taken = unpack_group(control, from, into);
    } else {
      std::byte last[group]{};
      std::memcpy(last, from, left);
      taken = unpack_group(control, last, into);
    }
    if (taken > left) return malformed;
    from += taken;
    into += 8 * words;
    if (over_8 != 0) return static_cast<std::size_t>(into - start);
  }
}

}  // namespace p11tape::tape
