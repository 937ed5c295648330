// SPDX-License-Identifier: Apache-2.0
#include "query/escape.hpp"

#include <charconv>
#include <cstdio>

#include "text/safe.hpp"

namespace p11tape::query {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

bool is_plain(unsigned char c) noexcept { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

// The code point at the start of `text`, as it is to be written; takes its bytes off the text.
std::string_view take(std::string_view& text) noexcept {
  const auto c = text::detail::first_code_point({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  const auto size = c.size == 0 ? 1 : c.size;
  const auto whole = c.size == 0 ? replacement : text.substr(0, size);
  text.remove_prefix(size);
  return whole;
}

constexpr std::uint64_t exact = std::uint64_t{1} << 53;

}  // namespace

void append_number(std::uint64_t n, std::string& out) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, n).ptr);
}

void append_json_number(std::uint64_t n, std::string& out) {
  if (n <= exact) return append_number(n, out);
  out += '"';
  append_number(n, out);
  out += '"';
}

void append_json_number(std::int64_t n, std::string& out) {
  if (n >= 0) return append_json_number(static_cast<std::uint64_t>(n), out);
  const bool quoted = n < -static_cast<std::int64_t>(exact);
  if (quoted) out += '"';
  out += std::to_string(n);
  if (quoted) out += '"';
}

void append_json_text(std::string_view text, std::string& out) {
  out += '"';
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_plain(static_cast<unsigned char>(text[plain]))) ++plain;
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const auto c = static_cast<unsigned char>(text[0]);
    if (c == '"' || c == '\\') {
      (out += '\\') += text[0];
      text.remove_prefix(1);
    } else if (c < 0x20 || c == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
      text.remove_prefix(1);
    } else {
      out += take(text);
    }
  }
  out += '"';
}

void append_csv_text(std::string_view text, std::string& out) {
  bool quotes = false, odd = false;
  for (const char ch : text) {
    const auto c = static_cast<unsigned char>(ch);
    quotes |= c == '"' || c == ',' || c == '\n' || c == '\r';
    odd |= c >= 0x80;
  }
  if (!quotes && !odd) {
    out += text;
    return;
  }
  if (quotes) out += '"';
  while (!text.empty()) {
    if (text[0] == '"') out += '"';
    out += take(text);
  }
  if (quotes) out += '"';
}

}  // namespace p11tape::query
