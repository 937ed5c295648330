// SPDX-License-Identifier: Apache-2.0
// Text that is safe to print: a label must not be able to move the cursor, hide a part of itself, or run backwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "text/numbers.hpp"

namespace p11tape::text {

using bytes = std::span<const std::uint8_t>;

namespace detail {

/// The code point at the start of `text` and the bytes that it takes; 0 bytes where it is no UTF-8 (RFC 3629).
struct code_point {
  char32_t value = 0;
  std::size_t size = 0;
};

inline code_point first_code_point(bytes text) noexcept {
  if (text.empty()) return {};
  const char32_t lead = text[0];
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {};
  char32_t value = lead & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((text[i] & 0xc0) != 0x80) return {};
    value = (value << 6) | (text[i] & 0x3fU);
  }
  constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < smallest[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {};
  return {value, size};
}

/// How many bytes at the start are printable ASCII that is not escaped: nearly all of what is ever shown.
inline std::size_t plain_start(bytes text) noexcept {
  std::size_t i = 0;
  while (i < text.size() && text[i] >= 0x20 && text[i] < 0x7f && text[i] != '\\' && text[i] != '"') ++i;
  return i;
}

}  // namespace detail

/// True for characters that change how the text around them looks, or that nobody sees: controls, bidirectional
/// overrides and isolates, invisible spaces and joiners, line separators, language tags, unassigned specials.
inline bool misleads(char32_t c) noexcept {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x34f || c == 0x61c || c == 0x115f || c == 0x1160 ||
         (c >= 0x180b && c <= 0x180f) || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2060 && c <= 0x206f) || c == 0x3164 || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff || c == 0xffa0 ||
         (c >= 0xfff0 && c <= 0xfffb) || (c & 0xfffe) == 0xfffe || (c >= 0xe0000 && c <= 0xe0fff);
}

/// True if the bytes are UTF-8 from end to end.
inline bool is_utf8(bytes text) noexcept {
  while (!text.empty()) {
    const auto c = detail::first_code_point(text);
    if (c.size == 0) return false;
    text = text.subspan(c.size);
  }
  return true;
}

/// Appends text with backslashes and quotes escaped, misleading characters as \n, \r, \t, \x1b or \u{202e}, and bytes
/// that are no UTF-8 as \xNN. The result is UTF-8 on one line.
inline void append_safe(bytes text, std::string& out) {
  while (!text.empty()) {
    if (const auto plain = detail::plain_start(text); plain != 0) {
      out.append(reinterpret_cast<const char*>(text.data()), plain);
      text = text.subspan(plain);
      continue;
    }
    const auto c = detail::first_code_point(text);
    if (c.size == 0) {
      out += "\\x";
      append_hex_digits(text[0], 2, out);
      text = text.subspan(1);
      continue;
    }
    if (c.value == '\\' || c.value == '"') {
      out += '\\';
      out += static_cast<char>(c.value);
    } else if (c.value == '\n') {
      out += "\\n";
    } else if (c.value == '\r') {
      out += "\\r";
    } else if (c.value == '\t') {
      out += "\\t";
    } else if (c.value < 0x80 && misleads(c.value)) {
      out += "\\x";
      append_hex_digits(c.value, 2, out);
    } else if (misleads(c.value)) {
      out += "\\u{";
      append_hex_digits(c.value, c.value > 0xffff ? 6 : 4, out);
      out += '}';
    } else {
      for (std::size_t i = 0; i < c.size; ++i) out += static_cast<char>(text[i]);
    }
    text = text.subspan(c.size);
  }
}

inline std::string safe_text(bytes text) {
  std::string out;
  append_safe(text, out);
  return out;
}

}  // namespace p11tape::text
