// SPDX-License-Identifier: Apache-2.0
// Values of attributes that were found to be constants of the attribute's own group. The same few are asked for again and
// again, and finding one takes two binary searches.
#pragma once

#include <atomic>

#include "p11tape/layout.hpp"

namespace p11tape::capture {

using tape::u64;

/// A small table that forgets.
class known_constants {
 public:
  bool has(u64 type, u64 number) const noexcept {
    const u64 both = type << 32 | number;
    return is_short(type, number) && place(both).load(std::memory_order_relaxed) == both + 1;
  }
  void add(u64 type, u64 number) noexcept {
    const u64 both = type << 32 | number;
    if (is_short(type, number)) place(both).store(both + 1, std::memory_order_relaxed);
  }

 private:
  static constexpr unsigned bits = 6;
  static bool is_short(u64 type, u64 number) noexcept { return (type | number) >> 32 == 0; }
  std::atomic<u64>& place(u64 both) const noexcept { return found_[both * 0x9e3779b97f4a7c15 >> (64 - bits)]; }
  mutable std::atomic<u64> found_[u64{1} << bits]{};
};

/// Those of this process. They depend on nothing that a call says, so that a child of fork may keep them.
inline constinit known_constants constants_found{};

}  // namespace p11tape::capture
