// SPDX-License-Identifier: Apache-2.0
#include "cryptoki/pin_text.hpp"

#include <algorithm>

namespace p11tape::cryptoki {
namespace {

// Beside these words stands a PIN, or a password that is as good. In lower case.
constexpr std::string_view words[] = {"pin-value", "gsk_pkcs11", "<p11>!"};

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The next letter of the text in lower case, whatever hides it: %XX, also encoded twice, and the NULs of UTF-16.
char next_letter(std::string_view& rest) noexcept {
  while (!rest.empty() && rest.front() == '\0') rest.remove_prefix(1);
  if (rest.empty()) return '\0';
  char c = rest.front();
  rest.remove_prefix(1);
  while (c == '%' && rest.size() >= 2) {
    const int high = hex_digit(rest[0]), low = hex_digit(rest[1]);
    if (high < 0 || low < 0) break;
    c = static_cast<char>(high * 16 + low);
    rest.remove_prefix(2);
  }
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool begins_with(std::string_view text, std::string_view word) noexcept {
  for (const char c : word)
    if (next_letter(text) != c) return false;
  return true;
}

}  // namespace

bool holds_pin(std::string_view text) noexcept {
  constexpr std::size_t shortest = 6;
  for (; text.size() >= shortest; text.remove_prefix(1)) {
    auto rest = text;
    const char first = next_letter(rest);
    for (const auto word : words)
      if (word.front() == first && begins_with(text, word)) return true;
  }
  return false;
}

bool is_configuration_string(std::string_view text) noexcept {
  return holds_pin(text) || begins_with(text, "pkcs11:") || std::count(text.begin(), text.end(), ';') >= 2;
}

}  // namespace p11tape::cryptoki
