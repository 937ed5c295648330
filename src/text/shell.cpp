// SPDX-License-Identifier: Apache-2.0
#include "text/shell.hpp"

#include <algorithm>

namespace p11tape::text {
namespace {

bool is_plain(unsigned char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("/._-+:,@%=").find(static_cast<char>(c)) != std::string_view::npos;
}

// Control characters, and everything beyond ASCII: some of that changes the direction of the text, or cannot be seen.
bool needs_escape(unsigned char c) noexcept { return c < 0x20 || c >= 0x7f; }

}  // namespace

std::string shell_word(std::string_view text) {
  if (text.empty()) return "''";
  // A word that begins with ~ or = is expanded by some shells, and - would be an option: no quotes help against that.
  if (std::all_of(text.begin(), text.end(), is_plain) && text[0] != '=') return std::string(text);
  const bool escaped = std::any_of(text.begin(), text.end(), needs_escape);
  std::string out = escaped ? "$'" : "'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    constexpr std::string_view digits = "0123456789abcdef";
    if (!escaped)
      out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    else if (needs_escape(byte))
      out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    else
      out += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
  }
  return out + "'";
}

}  // namespace p11tape::text
