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

bool two_digits(scanner& s, unsigned most, unsigned& n) noexcept {
  if (s.rest.size() < 2 || !is_digit(s.rest[0]) || !is_digit(s.rest[1])) return false;
  n = static_cast<unsigned>((s.rest[0] - '0') * 10 + (s.rest[1] - '0'));
  s.rest.remove_prefix(2);
  return n <= most;
}

}  // namespace

bool scan_pointer(scanner& s, bool& null) noexcept {
  for (const std::string_view word : {"(nil)", "(null)", "NULL_PTR", "NULL", "nil"})
    if (s.literal(word)) {
      null = true;
      return true;
    }
  std::uint64_t n = 0;
  if (!s.hex(n)) return false;
  null = n == 0;
  return true;
}

bool scan_time(scanner& s, std::uint64_t& ns) noexcept {
  const auto before = s.rest;
  unsigned h = 0, m = 0, sec = 0;
  if (!two_digits(s, 23, h) || !s.character(':') || !two_digits(s, 59, m) || !s.character(':') ||
      !two_digits(s, 60, sec)) {
    s.rest = before;
    return false;
  }
  ns = (std::uint64_t{h} * 3600 + m * 60 + sec) * second;
  if (s.rest.size() >= 2 && (s.rest[0] == '.' || s.rest[0] == ',')) {
    if (s.rest[1] == '-') {  // OpenSC on macOS prints garbage for the milliseconds
      s.rest.remove_prefix(2);
      std::uint64_t ignored = 0;
      s.decimal(ignored);
      return true;
    }
    std::uint64_t unit = second / 10;
    std::size_t n = 1;
    for (; n < s.rest.size() && is_digit(s.rest[n]); ++n, unit /= 10)
      ns += static_cast<std::uint64_t>(s.rest[n] - '0') * unit;
    if (n > 1) s.rest.remove_prefix(n);
  }
  return true;
}

bool scan_date_time(scanner& s, std::uint64_t& ns) noexcept {
  const auto before = s.rest;
  std::uint64_t year = 0;
  unsigned month = 0, day = 0;
  const bool date = s.decimal(year) && year >= 1970 && year < 2262 && s.character('-') && two_digits(s, 12, month) &&
                    month > 0 && s.character('-') && two_digits(s, 31, day) && day > 0;
  if (date && (s.character('T') || s.blanks() > 0) && scan_time(s, ns)) {
    ns += static_cast<std::uint64_t>(days(static_cast<std::int64_t>(year), month, day)) * 86400 * second;
    return true;
  }
  s.rest = before;
  return false;
}

bool scan_hex_bytes(std::string_view text, std::string& bytes, bool& partial) {
  const auto is_mask = [](char c) { return c == 'x' || c == 'X' || c == '*' || c == '?' || c == '#'; };
  for (std::size_t i = 0; i < text.size();) {
    if (is_blank(text[i]) || text[i] == ':') {
      ++i;
      continue;
    }
    if (i + 1 >= text.size()) return false;
    const int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
    if (high >= 0 && low >= 0) {
      bytes += static_cast<char>(high * 16 + low);
    } else if (is_mask(text[i]) && is_mask(text[i + 1])) {
      partial = true;
    } else {
      return false;
    }
    i += 2;
  }
  return true;
}

}  // namespace p11tape::import
