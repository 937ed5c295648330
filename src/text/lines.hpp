// SPDX-License-Identifier: Apache-2.0
// Taking text apart: lines, spaces, upper and lower case. ASCII only; label/similar_characters.hpp knows the letters of languages.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace p11tape::text {

/// Splits text into lines that end with LF, CR LF or CR; calls `each(line, number, begin)` without the newline.
template <typename Each>
void for_each_line(std::string_view text, Each each) {
  std::size_t number = 1;
  for (std::size_t at = 0; at < text.size(); ++number) {
    std::size_t end = at;
    while (end < text.size() && text[end] != '\n' && text[end] != '\r') ++end;
    each(text.substr(at, end - at), number, at);
    if (end < text.size() && text[end] == '\r' && end + 1 < text.size() && text[end + 1] == '\n') ++end;
    at = end + 1;
  }
}

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

constexpr std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

/// Equal if upper and lower case do not matter.
constexpr bool same_word(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

/// Calls `each` with every word of a list in which a space stands between two words.
template <typename Each>
constexpr void for_each_word(std::string_view words, Each each) {
  while (!words.empty()) {
    const auto space = words.find(' ');
    each(words.substr(0, space));
    words.remove_prefix(space == std::string_view::npos ? words.size() : space + 1);
  }
}

/// Where `part`, a view into `whole`, begins.
inline std::size_t offset_of(std::string_view part, std::string_view whole) noexcept {
  return static_cast<std::size_t>(part.data() - whole.data());
}

}  // namespace p11tape::text
