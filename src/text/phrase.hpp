// SPDX-License-Identifier: Apache-2.0
// Pieces of sentences: numbers, counts, durations and lists in the one form in which users read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace p11tape::text {

inline std::string piece(std::string_view s) { return std::string(s); }
template <class N>
requires std::is_integral_v<N> std::string piece(N n) { return std::to_string(n); }

/// Texts and numbers in a row, as one text.
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::string out;
  ((out += piece(parts)), ...);
  return out;
}

/// "2.31 s", "412 ms"; `ns` is in nanoseconds.
std::string duration(std::uint64_t ns);
/// "1 call", "12 calls"
std::string counted(std::uint64_t n, std::string_view one, std::string_view many = {});
/// "38 %"
std::string percent(std::uint64_t part, std::uint64_t whole);
/// "a", "a and b", "a, b and 3 more"
std::string listed(const std::vector<std::string>& all, std::size_t most = 6);
/// "0x30"
std::string hex(std::uint64_t n);

}  // namespace p11tape::text
