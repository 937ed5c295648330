// SPDX-License-Identifier: Apache-2.0
// The recorder's clock.
#pragma once

#include <ctime>

#include "tape/layout.hpp"

namespace p11tape::capture {

/// CLOCK_MONOTONIC in nanoseconds: a read of memory that the kernel shares, no system call.
inline tape::u64 now() noexcept {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<tape::u64>(t.tv_sec) * 1000000000u + static_cast<tape::u64>(t.tv_nsec);
}

}  // namespace p11tape::capture
