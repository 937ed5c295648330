// SPDX-License-Identifier: Apache-2.0
#include "text/times.hpp"

#include <atomic>
#include <chrono>
#include <ctime>

#include "text/numbers.hpp"

namespace p11tape::text {
namespace {

// What is to be added to UTC, in seconds. libc is asked once for a quarter of an hour, in which no zone changes: it
// takes a lock, which a child of fork in the recorded program could find locked for ever.
std::uint64_t utc_offset(std::uint64_t seconds) noexcept {
  constexpr std::uint64_t shift = 20, bias = std::uint64_t{1} << (shift - 1);
  static std::atomic<std::uint64_t> known{0};  // the quarter, counted from 1, and the offset
  const auto quarter = seconds / 900 + 1;
  auto both = known.load(std::memory_order_relaxed);
  if (both >> shift != quarter) {
    const auto time = static_cast<std::time_t>(seconds);
    std::tm t{};
    ::localtime_r(&time, &t);
    both = quarter << shift | ((static_cast<std::uint64_t>(t.tm_gmtoff) + bias) & (2 * bias - 1));
    known.store(both, std::memory_order_relaxed);
  }
  return (both & (2 * bias - 1)) - bias;
}

// "2026-11-21 18:05:01"
void append_moment(std::uint64_t seconds, char between, std::string& out) {
  const std::chrono::sys_seconds moment{std::chrono::seconds(static_cast<std::int64_t>(seconds))};
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(day);
  const auto of_day = static_cast<unsigned>((moment - day).count());
  append_padded(static_cast<unsigned>(static_cast<int>(date.year())), 4, out);
  const auto next = [&out](char before, unsigned n) {
    out += before;
    append_padded(n, 2, out);
  };
  next('-', static_cast<unsigned>(date.month()));
  next('-', static_cast<unsigned>(date.day()));
  next(between, of_day / 3600);
  next(':', of_day / 60 % 60);
  next(':', of_day % 60);
}

}  // namespace

void append_local_time(std::uint64_t wall, std::string& out) {
  append_moment(wall / 1000000000 + utc_offset(wall / 1000000000), ' ', out);
  out += '.';
  append_padded(wall % 1000000000 / 1000, 6, out);
}

void append_utc_time(std::uint64_t wall, std::string& out) {
  append_moment(wall / 1000000000, 'T', out);
  out += '.';
  append_padded(wall % 1000000000, 9, out);
  out += 'Z';
}

}  // namespace p11tape::text
