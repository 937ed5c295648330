// SPDX-License-Identifier: Apache-2.0
// The CPU's counter: what a clock reading costs without the kernel's conversion to nanoseconds. Whether it can be trusted
// is decided elsewhere (capture/host/clock.cpp).
#pragma once

#include "p11tape/layout.hpp"

namespace p11tape::tape {

/// As file_header::counter_kind has it; 0: there is none on this architecture.
#if defined(__x86_64__) || defined(__i386__)
inline constexpr u32 counter_kind = 1;
inline constexpr char counter_clock_source[] = "tsc";
inline u64 read_counter() noexcept { return __builtin_ia32_rdtsc(); }
#elif defined(__aarch64__)
inline constexpr u32 counter_kind = 2;
inline constexpr char counter_clock_source[] = "arch_sys_counter";
inline u64 read_counter() noexcept {
  u64 value;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
}
#elif defined(__powerpc64__)
inline constexpr u32 counter_kind = 3;
inline constexpr char counter_clock_source[] = "timebase";
inline u64 read_counter() noexcept { return __builtin_ppc_get_timebase(); }
#elif defined(__s390x__)
inline constexpr u32 counter_kind = 4;
inline constexpr char counter_clock_source[] = "tod";
inline u64 read_counter() noexcept {
  u64 value;
  __asm__ volatile("stckf %0" : "=Q"(value) : : "cc");
  return value;
}
#else
inline constexpr u32 counter_kind = 0;
inline constexpr char counter_clock_source[] = "";
inline u64 read_counter() noexcept { return 0; }
#endif

}  // namespace p11tape::tape
