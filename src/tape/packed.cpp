// SPDX-License-Identifier: Apache-2.0
#include "tape/packed.hpp"

namespace p11tape::tape {

std::size_t unpack(const std::byte* from, std::size_t size, std::byte* into) noexcept {
  const auto* const start = into;
  const auto* const end = from + size;
  const auto control_of = [](const std::byte* at) {
    u32 control;
    std::memcpy(&control, at, 4);
    return le(control);
  };
  // The controls come first; the last one has the end in it, which is in its highest place at least.
  const auto* controls = from;
  while (end - from >= 4 && control_of(from) >> 28 != 15) from += 4;
  if (end - from < 4 || static_cast<std::size_t>(from - controls) > largest_packed_body / 16) return malformed;
  for (from += 4;; controls += 4) {
    u32 control = control_of(controls);
    for (int i = 0; i < 8; ++i, control >>= 4) {
      const u32 n = control & 15;
      if (n > 8) return n == 15 ? static_cast<std::size_t>(into - start) : malformed;
      if (static_cast<std::size_t>(end - from) < n) return malformed;
      u64 word = 0;
      if (end - from >= 8) [[likely]] {
        std::memcpy(&word, from, 8);
        word = n == 0 ? 0 : le(word) << (64 - 8 * n) >> (64 - 8 * n);
      } else {
        for (u32 b = 0; b < n; ++b) word |= static_cast<u64>(from[b]) << (8 * b);
      }
      word = le(word);
      std::memcpy(into, &word, 8);
      into += 8;
      from += n;
    }
  }
}

}  // namespace p11tape::tape
