// SPDX-License-Identifier: Apache-2.0
// The CPU's counter and the kernel's clock at one moment.
#pragma once

#include "tape/cpu_counter.hpp"
#include "tape/kernel_clock.hpp"

namespace p11tape::tape {

struct clock_reading {
  u64 counter = 0;    ///< 0: not read
  u64 monotonic = 0;  ///< CLOCK_MONOTONIC in ns
};

/// Reads both. The narrowest of a few tries: an interrupt between the two would make them different moments.
inline clock_reading read_both_clocks() noexcept {
  clock_reading best;
  u64 narrowest = ~u64{0};
  for (int i = 0; i < 4; ++i) {
    const u64 before = read_counter();
    const u64 monotonic = clock_ns(CLOCK_MONOTONIC);
    const u64 width = read_counter() - before;
    if (width >= narrowest) continue;
    narrowest = width;
    best = {before + width / 2, monotonic};
  }
  return best;
}

}  // namespace p11tape::tape
