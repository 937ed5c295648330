// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "diagnose/phrase.hpp"
#include "profile/report.hpp"

namespace p11tape::profile {

std::string in_words(u64 ns) {
  if (ns < 1000) return std::to_string(ns) + " ns";
  constexpr const char* units[] = {"µs", "ms", "s"};
  auto n = static_cast<double>(ns) / 1e3;
  std::size_t unit = 0;
  // 999.5 would be rounded to 1000.
  for (; unit < 2 && n >= 999.5; ++unit) n /= 1e3;
  char text[40];
  std::snprintf(text, sizeof text, "%.*f %s", n < 9.995 ? 2 : n < 99.95 ? 1 : 0, n, units[unit]);
  return text;
}

std::string share(u64 part, u64 whole) {
  const auto percent = whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  if (part != 0 && percent < 0.05) return "<0.1 %";
  char text[32];
  std::snprintf(text, sizeof text, "%.*f %%", part != 0 && percent < 9.95 ? 1 : 0, percent);
  return text;
}

std::string title_of(const diagnose::process_facts& d) {
  return label::printable(d.program) + ", process " + std::to_string(d.pid);
}

}  // namespace p11tape::profile
