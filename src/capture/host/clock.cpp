// SPDX-License-Identifier: Apache-2.0
#include "capture/host/clock.hpp"

#include <fcntl.h>
#include <sys/prctl.h>

#include <cstring>

#include "capture/host/signals_deferred.hpp"
#include "tape/clock_reading.hpp"
#include "tape/raw_syscalls.hpp"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

namespace p11tape::capture {

constinit clock_state the_clock{};

namespace {

constexpr u64 first_due = 1000000;   // ns: at first, pairs come closer together
constexpr u64 last_due = 100000000;  // ns
constexpr u64 long_call = 50000;     // ns
constexpr u64 tolerance = 150;       // ns that a stored line may be off
constexpr u64 sudden = 20000;        // ns that the clocks may differ more than they can drift
constexpr u64 most_drift = 1000;     // one in so many: the kernel adjusts its clock by 500 ppm at most

// The line from the newest stored pair that stays within the tolerance of all pairs since: between two slopes.
struct pair_line {
  std::atomic<u32> busy;
  bool open;  // there is a pair after the anchor, stored in place
  u64 counter, monotonic;
  u64 last_counter, last_monotonic;
  u64 low, high;  // ns a tick, in 2^-rate_shift
};
constinit pair_line line{};

bool kernel_uses_counter() noexcept {
  char text[64];
  const int fd = kernel::open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t n = kernel::read(fd, text, sizeof text - 1);
  kernel::close(fd);
  text[n > 0 ? n : 0] = 0;
  const std::size_t size = std::strlen(tape::counter_clock_source);
  return std::strncmp(text, tape::counter_clock_source, size) == 0 && text[size] == '\n';
}

bool is_constant() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & 1u << 8) != 0;
#else
  return true;  // by their architectures
#endif
}

bool may_read() noexcept {
#ifdef PR_GET_TSC
  int mode = PR_TSC_ENABLE;
  return prctl(PR_GET_TSC, &mode, 0, 0, 0) != 0 || mode == PR_TSC_ENABLE;
#else
  return true;
#endif
}

u64 rate_between(u64 counter, u64 monotonic, const tape::clock_reading& later) noexcept {
  if (later.counter <= counter || later.monotonic <= monotonic) return u64{1} << rate_shift;
  return tape::ratio(later.monotonic - monotonic, later.counter - counter, rate_shift);
}

u64 ticks_of(u64 ns) noexcept {
  const u64 rate = the_clock.rate.load(std::memory_order_relaxed);
  return tape::ratio(ns, rate != 0 ? rate : 1, rate_shift);
}

// A new line begins at a stored pair.
void anchor_at(u64 counter, u64 monotonic) noexcept {
  line.counter = counter;
  line.monotonic = monotonic;
  line.open = false;
  line.low = 0;
  line.high = ~u64{0};
}

// Narrows the slopes down to those that pass the reading within the tolerance. False if there is none.
bool narrow(const tape::clock_reading& r) noexcept {
  const u64 ticks = r.counter - line.counter, ns = r.monotonic - line.monotonic;
  const u64 low = ns > tolerance ? tape::ratio(ns - tolerance, ticks, rate_shift) : 0;
  const u64 high = tape::ratio(ns + tolerance, ticks, rate_shift);
  const u64 new_low = low > line.low ? low : line.low, new_high = high < line.high ? high : line.high;
  const u64 exact = tape::ratio(ns, ticks, rate_shift);
  if (exact < new_low || exact > new_high) return false;
  line.low = new_low;
  line.high = new_high;
  return true;
}

bool agrees(const tape::clock_reading& r) noexcept {
  if (r.counter <= line.last_counter || r.monotonic < line.last_monotonic) return false;
  const u64 ticks = r.counter - line.last_counter;
  const u64 expected = duration_ns(ticks, 0), seen = r.monotonic - line.last_monotonic;
  const u64 difference = expected > seen ? expected - seen : seen - expected;
  return difference <= sudden + seen / most_drift;
}

}  // namespace

void look_at_counter() noexcept { tape::counter_is_forbidden.store(!may_read()); }

tape::clock_pair start_clock(clock_wish wish, const char*& why) noexcept {
  why = "";
  the_clock.kernel_flag.store(0);
  the_clock.rate.store(u64{1} << rate_shift);
  the_clock.long_call.store(long_call);
  auto source = time_source::kernel;
  look_at_counter();
  if (tape::counter_is_forbidden.load()) {
    why = "the process must not read the CPU's counter (PR_SET_TSC)";
  } else if (wish == clock_wish::kernel) {
  } else if (tape::counter_kind == 0) {
    why = "there is no counter for this architecture";
  } else if (wish == clock_wish::automatic && !kernel_uses_counter()) {
    why = "the kernel does not use the CPU's counter as its clock source";
  } else if (wish == clock_wish::automatic && !is_constant()) {
    why = "the CPU's counter does not run at a constant rate";
  } else {
    source = time_source::counter;
  }
  the_clock.source.store(source);
  if (source != time_source::counter) return {};
  the_clock.kernel_flag.store(tape::record_kernel_time);
  const auto r = tape::read_both_clocks();
  return {r.counter, r.monotonic, r.counter ^ r.monotonic};
}

void begin_pairs(tape::file& tape, const tape::clock_pair& first) noexcept {
  if (first.counter == 0) return;
  const auto r = tape::read_both_clocks();
  the_clock.rate.store(rate_between(first.counter, first.monotonic, r));
  tape.store_pair(first.counter, first.monotonic, false);
  tape.store_pair(r.counter, r.monotonic, false);
  line.last_counter = r.counter;
  line.last_monotonic = r.monotonic;
  anchor_at(r.counter, r.monotonic);
  line.busy.store(0);
  the_clock.long_call.store(ticks_of(long_call));
  the_clock.pair_due.store(ticks_of(first_due));
  the_clock.last_pair.store(r.counter);
}

bool take_pair(tape::file& tape) noexcept {
  const signals_deferred guard(!tape.is_reserved());
  if (line.busy.exchange(1, std::memory_order_acquire) != 0) return true;
  const auto r = tape::read_both_clocks();
  const bool good = agrees(r);
  if (good) {
    const u64 elapsed = duration_ns(r.counter - line.last_counter, 0);
    if (narrow(r)) {
      tape.store_pair(r.counter, r.monotonic, line.open);
      line.open = true;
    } else {  // the pair before this one, which is stored, is where the line bends
      anchor_at(line.last_counter, line.last_monotonic);
      narrow(r);
      tape.store_pair(r.counter, r.monotonic, false);
      line.open = true;
    }
    // Of a line that has just bent, what the readings are off by would be too much of the rate.
    if (duration_ns(r.counter - line.counter, 0) >= first_due)
      the_clock.rate.store(rate_between(line.counter, line.monotonic, r), std::memory_order_relaxed);
    line.last_counter = r.counter;
    line.last_monotonic = r.monotonic;
    const u64 doubled = elapsed < last_due / 2 ? 2 * elapsed : last_due;
    const u64 next = doubled > first_due ? doubled : first_due;
    the_clock.pair_due.store(ticks_of(next), std::memory_order_relaxed);
    the_clock.last_pair.store(r.counter, std::memory_order_relaxed);
  } else {
    the_clock.source.store(time_source::kernel);
  }
  line.busy.store(0, std::memory_order_release);
  return good;
}

// Other threads may be at it: what they change is small, and the live log's times are not the tape's.
__attribute__((no_sanitize("thread"))) u64 kernel_time_of(u64 time, u8 flags) noexcept {
  if (flags != 0 || the_clock.source.load(std::memory_order_relaxed) != time_source::counter) return time;
  const u64 counter = line.last_counter, monotonic = line.last_monotonic;
  return time >= counter ? monotonic + duration_ns(time - counter, 0) : monotonic - duration_ns(counter - time, 0);
}

void look_at_thread_clock() noexcept {
  if (may_read()) return;
  tape::counter_is_forbidden.store(true);
  the_clock.source.store(time_source::kernel);
}

}  // namespace p11tape::capture
