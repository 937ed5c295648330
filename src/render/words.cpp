// SPDX-License-Identifier: Apache-2.0
#include "render/words.hpp"

#include <atomic>
#include <charconv>
#include <chrono>
#include <ctime>

#include "decode/text.hpp"

namespace p11tape::render {
namespace {

void append_number(std::uint64_t n, int base, std::string& out) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, n, base).ptr);
}

// With zeros in front: "007".
void append_padded(std::uint64_t n, std::size_t width, std::string& out) {
  const auto start = out.size();
  append_number(n, 10, out);
  if (const auto size = out.size() - start; size < width) out.insert(start, width - size, '0');
}

// `ns` in a unit of 10^decimals steps, rounded to a step. No floating point: libstdc++'s way of writing it needs libm,
// which the recorder must not.
void append_rounded(std::uint64_t ns, std::uint64_t step, std::size_t decimals, std::string_view unit,
                    std::string& out) {
  const std::uint64_t steps = ns / step + (ns % step * 2 >= step ? 1 : 0);
  const std::uint64_t whole = decimals == 1 ? 10 : 1000;
  append_number(steps / whole, 10, out);
  out += '.';
  append_padded(steps % whole, decimals, out);
  out += unit;
}

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

void append_decimal(std::uint64_t n, std::string& out) { append_number(n, 10, out); }

void append_hexadecimal(std::uint64_t n, std::string& out) {
  out += "0x";
  const auto start = out.size();
  append_number(n, 16, out);
  for (auto i = start; i < out.size(); ++i)
    if (out[i] >= 'a') out[i] = static_cast<char>(out[i] - 'a' + 'A');
}

void append_code(std::uint64_t n, std::string& out) { n < 10 ? append_decimal(n, out) : append_hexadecimal(n, out); }

void append_hex(tape::byte_view bytes, std::string& out) {
  static constexpr char digits[] = "0123456789abcdef";
  for (const auto b : bytes) {
    out += digits[static_cast<unsigned>(b) >> 4];
    out += digits[static_cast<unsigned>(b) & 15];
  }
}

void append_quoted(tape::byte_view text, std::string& out) {
  out += '"';
  decode::append_safe(as_decode(text), out);
  out += '"';
}

void append_safe(std::string_view text, std::string& out) {
  decode::append_safe(as_decode(std::as_bytes(std::span(text))), out);
}

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

void append_duration(std::uint64_t ns, std::string& out) {
  if (ns < 1000) {
    append_decimal(ns, out);
    out += " ns";
  } else if (ns < 1000000) {
    append_rounded(ns, 100, 1, " µs", out);
  } else if (ns < 1000000000) {
    append_rounded(ns, 1000, 3, " ms", out);
  } else {
    append_rounded(ns, 1000000, 3, " s", out);
  }
}

void append_count(std::uint64_t n, std::string_view one, std::string& out) {
  append_decimal(n, out);
  out += ' ';
  out += one;
  if (n != 1) out += 's';
}

padding_kind padding_of(tape::byte_view text, std::uint64_t& count) noexcept {
  count = 0;
  if (text.empty() || (text.back() != std::byte{' '} && text.back() != std::byte{0})) return padding_kind::none;
  while (count < text.size() && text[text.size() - 1 - count] == text.back()) ++count;
  return text.back() == std::byte{0} ? padding_kind::nuls : padding_kind::blanks;
}

}  // namespace p11tape::render
