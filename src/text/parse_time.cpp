// SPDX-License-Identifier: Apache-2.0
#include "text/parse_time.hpp"

#include <cmath>
#include <ctime>

namespace p11tape::text {
namespace {

constexpr std::uint64_t second = 1000000000;
constexpr std::int64_t half_day = 12 * 3600;

// Takes `digits` digits off the front.
bool take_number(std::string_view& text, std::size_t digits, int& out) {
  if (text.size() < digits) return false;
  out = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    out = out * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// "12.345" in units of `unit` ns. The digits are counted, so that nothing is rounded.
bool take_decimal(std::string_view& text, std::uint64_t unit, std::uint64_t& ns) {
  std::uint64_t whole = 0, fraction = 0, scale = unit;
  std::size_t digits = 0;
  const auto is_digit = [&] { return !text.empty() && text[0] >= '0' && text[0] <= '9'; };
  for (; is_digit(); text.remove_prefix(1), ++digits) {
    if (whole > UINT64_MAX / 20 / unit) return false;
    whole = whole * 10 + static_cast<unsigned>(text[0] - '0');
  }
  if (digits != 0 && take(text, '.'))
    for (; is_digit(); text.remove_prefix(1)) {
      scale /= 10;
      fraction += scale * static_cast<unsigned>(text[0] - '0');
    }
  ns = whole * unit + fraction;
  return digits != 0;
}

bool take_clock(std::string_view& text, std::tm& t, std::uint64_t& fraction) {
  if (!take_number(text, 2, t.tm_hour) || !take(text, ':') || !take_number(text, 2, t.tm_min)) return false;
  t.tm_sec = 0;
  fraction = 0;
  if (take(text, ':')) {
    std::uint64_t ns = 0;
    if (!take_decimal(text, second, ns)) return false;
    t.tm_sec = static_cast<int>(ns / second);
    fraction = ns % second;
    if (ns / second > 60) return false;
  }
  return t.tm_hour < 24 && t.tm_min < 60;
}

// "Z", "+01:00", "-0530". False where there is none.
bool take_zone(std::string_view& text, std::int64_t& offset) {
  offset = 0;
  if (take(text, 'Z')) return true;
  const bool east = text.starts_with('+');
  if (!east && !text.starts_with('-')) return false;
  text.remove_prefix(1);
  int hours = 0, minutes = 0;
  if (!take_number(text, 2, hours)) return false;
  take(text, ':');
  if (!text.empty() && !take_number(text, 2, minutes)) return false;
  offset = (hours * 60 + minutes) * 60;
  if (!east) offset = -offset;
  return true;
}

bool to_wall(std::int64_t seconds, std::uint64_t fraction, std::uint64_t& wall) {
  if (seconds < 0) return false;
  wall = static_cast<std::uint64_t>(seconds) * second + fraction;
  return true;
}

}  // namespace

bool parse_duration(std::string_view text, std::uint64_t& ns) {
  constexpr struct {
    std::string_view name;
    std::uint64_t ns;
  } units[] = {{"ns", 1},     {"us", 1000},         {"µs", 1000},         {"ms", 1000000},
               {"s", second}, {"min", 60 * second}, {"h", 3600 * second}, {"d", 86400 * second}};
  const auto digits = text.find_first_not_of("0123456789.");
  if (digits == std::string_view::npos) return false;
  for (const auto& u : units)
    if (u.name == text.substr(digits)) return take_decimal(text, u.ns, ns) && text == u.name;
  return false;
}

bool parse_moment(std::string_view text, std::uint64_t start, std::uint64_t& wall) {
  if (take(text, '+')) {
    std::uint64_t after = 0;
    if (!take_decimal(text, second, after)) return false;
    take(text, 's');
    wall = start + after;
    return text.empty();
  }

  const auto start_seconds = static_cast<std::time_t>(start / second);
  std::tm t{};
  ::localtime_r(&start_seconds, &t);
  t.tm_isdst = -1;
  std::uint64_t fraction = 0;
  const bool has_date = text.size() >= 10 && text[4] == '-';
  if (!has_date) {
    if (!take_clock(text, t, fraction) || !text.empty()) return false;
    auto at = std::mktime(&t);
    if (at + half_day < start_seconds) {
      ++t.tm_mday;
      t.tm_isdst = -1;
      at = std::mktime(&t);
    }
    return to_wall(at, fraction, wall);
  }

  t.tm_hour = t.tm_min = t.tm_sec = 0;
  if (!take_number(text, 4, t.tm_year) || !take(text, '-') || !take_number(text, 2, t.tm_mon) || !take(text, '-') ||
      !take_number(text, 2, t.tm_mday) || t.tm_mon < 1 || t.tm_mon > 12 || t.tm_mday < 1 || t.tm_mday > 31)
    return false;
  t.tm_year -= 1900;
  t.tm_mon -= 1;
  if (take(text, 'T') || take(text, ' '))
    if (!take_clock(text, t, fraction)) return false;
  if (text.empty()) return to_wall(std::mktime(&t), fraction, wall);
  std::int64_t offset = 0;
  return take_zone(text, offset) && text.empty() && to_wall(::timegm(&t) - offset, fraction, wall);
}

}  // namespace p11tape::text
