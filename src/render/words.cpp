#include "render/words.hpp"

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "decode/text.hpp"

namespace p11tape::render {
namespace {

void append_number(std::uint64_t n, int base, std::string& out) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, n, base).ptr);
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
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u%c%02u:%02u:%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), between, of_day / 3600,
                of_day / 60 % 60, of_day % 60);
  out += text;
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
  char text[16];
  std::snprintf(text, sizeof text, ".%06u", static_cast<unsigned>(wall % 1000000000 / 1000));
  out += text;
}

void append_utc_time(std::uint64_t wall, std::string& out) {
  append_moment(wall / 1000000000, 'T', out);
  char text[16];
  std::snprintf(text, sizeof text, ".%09uZ", static_cast<unsigned>(wall % 1000000000));
  out += text;
}

void append_duration(std::uint64_t ns, std::string& out) {
  char text[40];
  const auto n = static_cast<double>(ns);
  if (ns < 1000) {
    std::snprintf(text, sizeof text, "%u ns", static_cast<unsigned>(ns));
  } else if (ns < 1000000) {
    std::snprintf(text, sizeof text, "%.1f µs", n / 1e3);
  } else if (ns < 1000000000) {
    std::snprintf(text, sizeof text, "%.3f ms", n / 1e6);
  } else {
    std::snprintf(text, sizeof text, "%.3f s", n / 1e9);
  }
  out += text;
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
