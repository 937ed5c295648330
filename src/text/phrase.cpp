// SPDX-License-Identifier: Apache-2.0
#include "text/phrase.hpp"

#include <cstdio>

namespace p11tape::text {

std::string duration(std::uint64_t ns) {
  char text[40];
  const auto n = static_cast<double>(ns);
  if (ns < 1000)
    std::snprintf(text, sizeof text, "%llu ns", static_cast<unsigned long long>(ns));
  else if (ns < 1000000)
    std::snprintf(text, sizeof text, "%.0f µs", n / 1e3);
  else if (ns < 1000000000)
    std::snprintf(text, sizeof text, "%.0f ms", n / 1e6);
  else
    std::snprintf(text, sizeof text, "%.2f s", n / 1e9);
  return text;
}

std::string counted(std::uint64_t n, std::string_view one, std::string_view many) {
  return n == 1 ? cat(1, " ", one) : many.empty() ? cat(n, " ", one, "s") : cat(n, " ", many);
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0
             ? "0 %"
             : cat(static_cast<std::uint64_t>(100.0 * static_cast<double>(part) / static_cast<double>(whole)), " %");
}

std::string listed(const std::vector<std::string>& all, std::size_t most) {
  std::string out;
  const auto shown = all.size() <= most ? all.size() : most;
  for (std::size_t i = 0; i < shown; ++i) {
    const bool last = i + 1 == all.size();
    out += (i == 0 ? "" : last ? " and " : ", ") + all[i];
  }
  if (shown < all.size()) out += cat(" and ", all.size() - shown, " more");
  return out;
}

std::string hex(std::uint64_t n) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llX", static_cast<unsigned long long>(n));
  return text;
}

}  // namespace p11tape::text
