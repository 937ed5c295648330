// SPDX-License-Identifier: Apache-2.0
// The recorder's clock: the CPU's counter, or CLOCK_MONOTONIC.
//
// The counter costs half of what clock_gettime does. It is used only if the kernel itself uses it as its clock source, it
// runs at a constant rate, and the process may read it (prctl(PR_SET_TSC) can forbid it: then reading it is a SIGSEGV).
// Now and then, at a call that comes 100 ms after the last time, both clocks are read and the pair is stored on the tape.
// If they have drifted apart, as after a suspend or a live migration, the recorder goes over to CLOCK_MONOTONIC for good.
#pragma once

#include <atomic>

#include "tape/cpu_counter.hpp"
#include "tape/file.hpp"
#include "tape/kernel_clock.hpp"
#include "tape/wide.hpp"

namespace p11tape::capture {

using tape::u32;
using tape::u64;
using tape::u8;

enum class clock_wish : u8 { automatic, counter, kernel };  ///< the setting `clock`

enum class time_source : u8 {
  kernel,   ///< clock_gettime: a read of memory that the kernel shares
  counter,  ///< the CPU's counter
};

struct clock_state {
  std::atomic<time_source> source;
  std::atomic<u8> kernel_flag;  ///< record_flags of a record whose time is the kernel's
  std::atomic<u64> last_pair;   ///< the counter then
  std::atomic<u64> pair_due;    ///< ticks after it until the next
  std::atomic<u64> rate;        ///< ns a tick, in 2^-rate_shift
  std::atomic<u64> long_call;   ///< of record_time(): a call that takes so long does not mind some work of ours
};
extern constinit clock_state the_clock;
inline constexpr int rate_shift = 32;

/// CLOCK_MONOTONIC in nanoseconds.
inline u64 now() noexcept { return tape::clock_ns(CLOCK_MONOTONIC); }

/// The time for a record, and the record_flags that say which clock it is of.
[[gnu::always_inline]] inline u64 record_time(u8& flags) noexcept {
  if (the_clock.source.load(std::memory_order_relaxed) == time_source::counter) [[likely]] {
    flags = 0;
    return tape::read_counter();
  }
  flags = the_clock.kernel_flag.load(std::memory_order_relaxed);
  return now();
}

/// True if a pair is due at a moment that record_time() gave.
[[gnu::always_inline]] inline bool is_pair_due(u64 time, u8 flags) noexcept {
  return time - the_clock.last_pair.load(std::memory_order_relaxed) >=
             the_clock.pair_due.load(std::memory_order_relaxed) &&
         flags == 0 && the_clock.source.load(std::memory_order_relaxed) == time_source::counter;
}

/// A duration of record_time() in ns.
inline u64 duration_ns(u64 ticks, u8 flags) noexcept {
  if (flags != 0 || the_clock.source.load(std::memory_order_relaxed) != time_source::counter) return ticks;
  return tape::scaled(ticks, the_clock.rate.load(std::memory_order_relaxed), rate_shift);
}

/// CLOCK_MONOTONIC in ns at a moment that record_time() gave, as well as the last pairs tell.
u64 kernel_time_of(u64 time, u8 flags) noexcept;

/// Finds out whether the process may read the CPU's counter. Before that, and before anything else asks for the time.
void look_at_counter() noexcept;

/// Chooses the clock of this process's tape, and reads the first pair: counter 0 if the clock is the kernel's. `why` is
/// the reason for the latter, "" if it was asked for.
tape::clock_pair start_clock(clock_wish wish, const char*& why) noexcept;

/// Stores the pairs that every tape begins with.
void begin_pairs(tape::file& tape, const tape::clock_pair& first) noexcept;

/// Reads a pair, and stores it if the tape needs it. False if the recorder goes over to the kernel's clock because of
/// what it says. One thread at a time does this; others go on at once.
bool take_pair(tape::file& tape) noexcept;

/// Before a thread's first record: it may be a thread that must not read the counter.
void look_at_thread_clock() noexcept;

}  // namespace p11tape::capture
