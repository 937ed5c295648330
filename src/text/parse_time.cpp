// SPDX-License-Identifier: Apache-2.0
#include "text/parse_time.hpp"

#include <ctime>

namespace p11tape::text {
namespace {

constexpr std::uint64_t second = 1000000000;
constexpr std::int64_t half_day = 12 * 3600;

// Takes a number of so many digits off the front.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return {};
  int n = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return {};
    n = n * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return n;
}

// The same, where it lies in the range.
std::optional<int> take_number(std::string_view& text, std::size_t digits, int least, int most) {
  const auto n = take_number(text, digits);
  return n && *n >= least && *n <= most ? n : std::nullopt;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// "12.345" in units of `unit` ns. The digits are counted, so that nothing is rounded.
std::optional<std::uint64_t> take_decimal(std::string_view& text, std::uint64_t unit) {
  std::uint64_t whole = 0, fraction = 0, scale = unit;
  std::size_t digits = 0;
  const auto is_digit = [&] { return !text.empty() && text[0] >= '0' && text[0] <= '9'; };
  for (; is_digit(); text.remove_prefix(1), ++digits) {
    if (whole > UINT64_MAX / 20 / unit) return {};
    whole = whole * 10 + static_cast<unsigned>(text[0] - '0');
  }
  if (digits == 0) return {};
  if (take(text, '.'))
    for (; is_digit(); text.remove_prefix(1)) {
      scale /= 10;
      fraction += scale * static_cast<unsigned>(text[0] - '0');
    }
  return whole * unit + fraction;
}

// "18:05", "18:05:01.5" in ns since midnight.
std::optional<std::uint64_t> take_clock(std::string_view& text) {
  const auto hour = take_number(text, 2, 0, 23);
  if (!hour || !take(text, ':')) return {};
  const auto minute = take_number(text, 2, 0, 59);
  if (!minute) return {};
  const auto minutes = static_cast<std::uint64_t>(*hour) * 60 + static_cast<std::uint64_t>(*minute);
  if (!take(text, ':')) return minutes * 60 * second;
  const auto seconds = take_decimal(text, second);
  if (!seconds || *seconds / second > 60) return {};
  return minutes * 60 * second + *seconds;
}

// "Z", "+01:00", "-0530" in seconds.
std::optional<std::int64_t> take_zone(std::string_view& text) {
  if (take(text, 'Z')) return 0;
  const bool east = text.starts_with('+');
  if (!east && !text.starts_with('-')) return {};
  text.remove_prefix(1);
  const auto hours = take_number(text, 2);
  if (!hours) return {};
  take(text, ':');
  const auto minutes = text.empty() ? std::optional(0) : take_number(text, 2);
  if (!minutes) return {};
  const std::int64_t offset = (*hours * 60 + *minutes) * 60;
  return east ? offset : -offset;
}

struct day {
  int year, month, number;
};

std::optional<day> take_day(std::string_view& text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, '-')) return {};
  const auto month = take_number(text, 2, 1, 12);
  if (!month || !take(text, '-')) return {};
  const auto number = take_number(text, 2, 1, 31);
  if (!number) return {};
  return day{*year, *month, *number};
}

std::optional<std::uint64_t> to_wall(std::int64_t seconds, std::uint64_t fraction) {
  if (seconds < 0) return {};
  return static_cast<std::uint64_t>(seconds) * second + fraction;
}

void set_clock(std::tm& t, std::uint64_t since_midnight) {
  const auto seconds = static_cast<int>(since_midnight / second);
  t.tm_hour = seconds / 3600;
  t.tm_min = seconds / 60 % 60;
  t.tm_sec = seconds % 60;
}

// A time without a date.
std::optional<std::uint64_t> near(std::uint64_t since_midnight, std::uint64_t start) {
  const auto start_seconds = static_cast<std::time_t>(start / second);
  std::tm t{};
  ::localtime_r(&start_seconds, &t);
  set_clock(t, since_midnight);
  t.tm_isdst = -1;
  auto at = std::mktime(&t);
  if (at + half_day < start_seconds) {
    ++t.tm_mday;
    t.tm_isdst = -1;
    at = std::mktime(&t);
  }
  return to_wall(at, since_midnight % second);
}

}  // namespace

std::optional<std::uint64_t> parse_duration(std::string_view text) {
  constexpr struct {
    std::string_view name;
    std::uint64_t ns;
  } units[] = {{"ns", 1},     {"us", 1000},         {"µs", 1000},         {"ms", 1000000},
               {"s", second}, {"min", 60 * second}, {"h", 3600 * second}, {"d", 86400 * second}};
  const auto digits = text.find_first_not_of("0123456789.");
  if (digits == std::string_view::npos) return {};
  for (const auto& u : units) {
    if (u.name != text.substr(digits)) continue;
    const auto ns = take_decimal(text, u.ns);
    return text == u.name ? ns : std::nullopt;
  }
  return {};
}

std::optional<std::uint64_t> parse_moment(std::string_view text, std::uint64_t start) {
  if (take(text, '+')) {
    const auto after = take_decimal(text, second);
    take(text, 's');
    return after && text.empty() ? std::optional(start + *after) : std::nullopt;
  }
  if (text.size() < 10 || text[4] != '-') {
    const auto clock = take_clock(text);
    return clock && text.empty() ? near(*clock, start) : std::nullopt;
  }

  const auto date = take_day(text);
  if (!date) return {};
  std::uint64_t since_midnight = 0;
  if (take(text, 'T') || take(text, ' ')) {
    const auto clock = take_clock(text);
    if (!clock) return {};
    since_midnight = *clock;
  }
  std::tm t{};
  t.tm_year = date->year - 1900;
  t.tm_mon = date->month - 1;
  t.tm_mday = date->number;
  t.tm_isdst = -1;
  set_clock(t, since_midnight);
  if (text.empty()) return to_wall(std::mktime(&t), since_midnight % second);
  const auto zone = take_zone(text);
  return zone && text.empty() ? to_wall(::timegm(&t) - *zone, since_midnight % second) : std::nullopt;
}

}  // namespace p11tape::text
