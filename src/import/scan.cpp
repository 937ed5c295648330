// SPDX-License-Identifier: Apache-2.0
#include "import/scan.hpp"

namespace p11tape::import {
namespace {

constexpr std::uint64_t second = 1'000'000'000;

// Days since 1970-01-01 of a date of the Gregorian calendar.
constexpr std::int64_t days(std::int64_t year, unsigned month, unsigned day) noexcept {
  year -= month <= 2;
  const std::int64_t era = year / 400;
  const auto of_era = static_cast<unsigned>(year - era * 400);
  const unsigned of_year = (153 * (month + (month > 2 ? -3U : 9U)) + 2) / 5 + day - 1;
  return era * 146097 + static_cast<std::int64_t>(of_era * 365 + of_era / 4 - of_era / 100 + of_year) - 719468;
}
static_assert(days(1970, 1, 1) == 0 && days(2000, 3, 1) == 11017);

std::optional<unsigned> two_digits(scanner& s, unsigned most) noexcept {
  if (s.rest.size() < 2 || !is_digit(s.rest[0]) || !is_digit(s.rest[1])) return std::nullopt;
  const auto n = static_cast<unsigned>((s.rest[0] - '0') * 10 + (s.rest[1] - '0'));
  s.rest.remove_prefix(2);
  return n <= most ? std::optional(n) : std::nullopt;
}

// "17:40:01" as ns since midnight. Of another text, the caller puts back what was taken.
std::optional<std::uint64_t> clock_time(scanner& s) noexcept {
  const auto hour = two_digits(s, 23);
  if (!hour || !s.character(':')) return std::nullopt;
  const auto minute = two_digits(s, 59);
  if (!minute || !s.character(':')) return std::nullopt;
  const auto of_minute = two_digits(s, 60);
  if (!of_minute) return std::nullopt;
  return (std::uint64_t{*hour} * 3600 + *minute * 60 + *of_minute) * second;
}

// "2026-11-28" as ns since 1970. Of another text, the caller puts back what was taken.
std::optional<std::uint64_t> date(scanner& s) noexcept {
  const auto year = s.decimal();
  if (!year || *year < 1970 || *year >= 2262 || !s.character('-')) return std::nullopt;
  const auto month = two_digits(s, 12);
  if (!month || *month == 0 || !s.character('-')) return std::nullopt;
  const auto day = two_digits(s, 31);
  if (!day || *day == 0) return std::nullopt;
  return static_cast<std::uint64_t>(days(static_cast<std::int64_t>(*year), *month, *day)) * 86400 * second;
}

}  // namespace

std::optional<value::kind> scan_pointer(scanner& s) noexcept {
  for (const std::string_view word : {"(nil)", "(null)", "NULL_PTR", "NULL", "nil"})
    if (s.literal(word)) return value::kind::null;
  const auto address = s.hex();
  if (!address) return std::nullopt;
  return *address == 0 ? value::kind::null : value::kind::pointer;
}

std::optional<std::uint64_t> scan_time(scanner& s) noexcept {
  const auto before = s.rest;
  const auto whole = clock_time(s);
  if (!whole) {
    s.rest = before;
    return std::nullopt;
  }
  auto ns = *whole;
  if (s.rest.size() >= 2 && (s.rest[0] == '.' || s.rest[0] == ',')) {
    if (s.rest[1] == '-') {  // OpenSC on macOS prints garbage for the milliseconds
      s.rest.remove_prefix(2);
      s.decimal();
      return ns;
    }
    std::uint64_t unit = second / 10;
    std::size_t n = 1;
    for (; n < s.rest.size() && is_digit(s.rest[n]); ++n, unit /= 10)
      ns += static_cast<std::uint64_t>(s.rest[n] - '0') * unit;
    if (n > 1) s.rest.remove_prefix(n);
  }
  return ns;
}

std::optional<std::uint64_t> scan_date_time(scanner& s) noexcept {
  const auto before = s.rest;
  const auto midnight = date(s);
  if (midnight && (s.character('T') || s.blanks() > 0))
    if (const auto time = scan_time(s)) return *midnight + *time;
  s.rest = before;
  return std::nullopt;
}

std::optional<hex_bytes> scan_hex_bytes(std::string_view text) {
  hex_bytes found;
  const auto is_mask = [](char c) { return c == 'x' || c == 'X' || c == '*' || c == '?' || c == '#'; };
  for (std::size_t i = 0; i < text.size();) {
    if (is_blank(text[i]) || text[i] == ':') {
      ++i;
      continue;
    }
    if (i + 1 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
    if (high >= 0 && low >= 0) {
      found.bytes += static_cast<char>(high * 16 + low);
    } else if (is_mask(text[i]) && is_mask(text[i + 1])) {
      found.partial = true;
    } else {
      return std::nullopt;
    }
    i += 2;
  }
  return found;
}

}  // namespace p11tape::import
