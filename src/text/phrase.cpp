// SPDX-License-Identifier: Apache-2.0
#include "text/phrase.hpp"

#include "text/numbers.hpp"

namespace p11tape::text {

std::string duration(std::uint64_t ns) {
  std::string out;
  append_duration(ns, out);
  return out;
}

std::string counted(std::uint64_t n, std::string_view one, std::string_view many) {
  return n == 1 ? cat(1, " ", one) : many.empty() ? cat(n, " ", one, "s") : cat(n, " ", many);
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (part == 0 || whole == 0) return "0 %";
  // NOLINTNEXTLINE(bugprone-incorrect-roundings) lround is in libm, which the recorder must not need.
  const auto tenths = static_cast<std::uint64_t>(1000.0 * static_cast<double>(part) / static_cast<double>(whole) + 0.5);
  if (tenths == 0) return "<0.1 %";
  return tenths < 100 ? cat(tenths / 10, ".", tenths % 10, " %") : cat((tenths + 5) / 10, " %");
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
  std::string out;
  append_hexadecimal(n, out);
  return out;
}

}  // namespace p11tape::text
