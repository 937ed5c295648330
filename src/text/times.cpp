// SPDX-License-Identifier: Apache-2.0
#include "text/times.hpp"

#include <atomic>
#include <chrono>
#include <ctime>

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

// `n` in so many digits, the last ones if it has more. Written in place: the live log has a time for each call.
void put_digits(std::uint64_t n, std::size_t digits, char* at) noexcept {
  for (; digits > 0; n /= 10) at[--digits] = static_cast<char>('0' + n % 10);
}

// "2026-11-21 18:05:01", and a dot. Nanoseconds in 64 bits end in the year 2554.
constexpr std::size_t moment_size = 20;
void put_moment(std::uint64_t seconds, char between, char* at) noexcept {
  const std::chrono::sys_seconds moment{std::chrono::seconds(static_cast<std::int64_t>(seconds))};
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(day);
  const auto of_day = static_cast<unsigned>((moment - day).count());
  put_digits(static_cast<unsigned>(static_cast<int>(date.year())), 4, at);
  put_digits(static_cast<unsigned>(date.month()), 2, at + 5);
  put_digits(static_cast<unsigned>(date.day()), 2, at + 8);
  put_digits(of_day / 3600, 2, at + 11);
  put_digits(of_day / 60 % 60, 2, at + 14);
  put_digits(of_day % 60, 2, at + 17);
  at[4] = at[7] = '-';
  at[10] = between;
  at[13] = at[16] = ':';
  at[19] = '.';
}

}  // namespace

void append_local_time(std::uint64_t wall, std::string& out) {
  constexpr std::size_t digits = 6;
  char text[moment_size + digits];
  put_moment(wall / 1000000000 + utc_offset(wall / 1000000000), ' ', text);
  put_digits(wall % 1000000000 / 1000, digits, text + moment_size);
  out.append(text, sizeof text);
}

void append_utc_time(std::uint64_t wall, std::string& out) {
  constexpr std::size_t digits = 9;
  char text[moment_size + digits];
  put_moment(wall / 1000000000, 'T', text);
  put_digits(wall % 1000000000, digits, text + moment_size);
  out.append(text, sizeof text);
  out += 'Z';
}

}  // namespace p11tape::text
