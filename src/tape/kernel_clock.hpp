// SPDX-License-Identifier: Apache-2.0
// The kernel's clocks in nanoseconds.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <ctime>

#include "p11tape/layout.hpp"

namespace p11tape::tape {

/// The process must not read the CPU's counter (prctl(PR_SET_TSC)), not even through clock_gettime: only the system call
/// is left.
inline std::atomic<bool> counter_is_forbidden{false};

inline u64 clock_ns(clockid_t id) noexcept {
  timespec t{};
  if (counter_is_forbidden.load(std::memory_order_relaxed)) [[unlikely]] {
    const int e = errno;
    syscall(SYS_clock_gettime, id, &t);
    errno = e;
  } else {
    clock_gettime(id, &t);
  }
  return static_cast<u64>(t.tv_sec) * 1000000000u + static_cast<u64>(t.tv_nsec);
}

}  // namespace p11tape::tape
