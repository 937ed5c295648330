// SPDX-License-Identifier: Apache-2.0
// Reading the caller's memory without trusting its pointers.
//
// NULL, the first 64 KiB, addresses that no process has and absurd lengths are refused without a system call. Any other
// page is probed once per thread and remembered. The probe is rt_sigprocmask with an operation that does not exist: the
// kernel reads the eight bytes of the new mask first and answers EFAULT where it cannot, EINVAL where it can, and does
// nothing else. It needs no descriptor (a pipe's could have been closed by the host and be somebody else's by now),
// costs one short system call, and is allowed in every sandbox that lets a thread run.
//
// Under Valgrind's memcheck, which would report each such probe, memcheck itself is asked instead (valgrind.hpp).
//
// What remains: a page that is unmapped after its probe, and passed to us afterwards by a caller whose module does not
// touch it either.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "p11tape/layout.hpp"

namespace p11tape::capture {

using tape::u32;
using tape::u64;
using tape::u8;

/// The pages that one thread has found to be readable.
struct known_pages {
  static constexpr unsigned slots = 64;
  std::array<std::uintptr_t, slots> page;  ///< page number; 0: none
};

/// Nothing longer is taken for a length of caller memory.
inline constexpr u64 absurd_length = u64{1} << 40;

/// From now on, no page is probed: readable is what is readable at this moment, as /proc/self/maps says.
void stop_probing() noexcept;

/// Probes a page, or under memcheck the whole range; keeps errno.
bool probe_page(known_pages& known, std::uintptr_t page, std::uintptr_t start, u64 size) noexcept;

extern constinit std::atomic<bool> memcheck_judges;

/// True where Valgrind's memcheck judges what is read. It knows better than the kernel what may be, and is asked. Known
/// once anything has been found readable.
inline bool under_memcheck() noexcept { return memcheck_judges.load(std::memory_order_relaxed); }

/// As readable(), page by page.
bool look_whether_readable(known_pages& known, std::uintptr_t start, u64 size) noexcept;

/// True where all `size` bytes at `address` can be read.
[[gnu::always_inline]] inline bool readable(known_pages& known, const void* address, u64 size) noexcept {
  constexpr unsigned page_bits = 12;
  constexpr u64 page_size = u64{1} << page_bits;
  const auto start = reinterpret_cast<std::uintptr_t>(address);
  // What nearly always is the answer: a few bytes on pages that were found readable, and so belong to the process.
  // (Page 0 stands for none.)
  if (const u64 to_last = size - 1; to_last < page_size && start >= page_size) [[likely]] {
    const u64 first = start >> page_bits, last = (start + to_last) >> page_bits;
    if (known.page[first % known_pages::slots] == first && known.page[last % known_pages::slots] == last) [[likely]]
      return true;
  }
  return look_whether_readable(known, start, size);
}

/// What lies `by` bytes behind an address of the caller's. Its pointers may be any number, and the sum may wrap, which
/// pointers must not.
inline const u8* behind(const u8* at, u64 by) noexcept {
  return reinterpret_cast<const u8*>(reinterpret_cast<std::uintptr_t>(at) + static_cast<std::uintptr_t>(by));
}

// What follows reads the caller's memory. A sanitizer must not judge the length that a caller claims, for the module
// would be the one to fail; and it judges inside memcpy and memchr themselves, whoever calls them.
// (A file that is itself built without a sanitizer has P11TAPE_SANITIZED.)
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(P11TAPE_SANITIZED)
#define P11TAPE_NOT_JUDGED \
  __attribute__((no_sanitize("address", "thread"), noinline, optimize("no-tree-loop-distribute-patterns")))

/// memcpy from the caller's memory.
P11TAPE_NOT_JUDGED inline void copy_from_caller(void* to, const void* from, u64 size) noexcept {
  auto* out = static_cast<volatile u8*>(to);
  const auto* in = static_cast<const volatile u8*>(from);
  for (u64 i = 0; i < size; ++i) out[i] = in[i];
}
#undef P11TAPE_NOT_JUDGED
#else
inline void copy_from_caller(void* to, const void* from, u64 size) noexcept { __builtin_memcpy(to, from, size); }
#endif

}  // namespace p11tape::capture
