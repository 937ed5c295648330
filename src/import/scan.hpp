// SPDX-License-Identifier: Apache-2.0
// Reading a line from left to right: small steps, each of which either takes something off the front or changes
// nothing.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace p11tape::import {

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
constexpr int hex_digit(char c) noexcept {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
constexpr bool is_name(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// Without blanks, tabs and carriage returns at the ends.
constexpr std::string_view trimmed(std::string_view s) noexcept {
  while (!s.empty() && (is_blank(s.front()) || s.front() == '\r')) s.remove_prefix(1);
  while (!s.empty() && (is_blank(s.back()) || s.back() == '\r')) s.remove_suffix(1);
  return s;
}

class scanner {
 public:
  explicit scanner(std::string_view text) noexcept : rest(text) {}

  std::string_view rest;

  std::size_t blanks() noexcept {
    std::size_t n = 0;
    while (n < rest.size() && is_blank(rest[n])) ++n;
    rest.remove_prefix(n);
    return n;
  }
  bool literal(std::string_view s) noexcept {
    if (!rest.starts_with(s)) return false;
    rest.remove_prefix(s.size());
    return true;
  }
  bool character(char c) noexcept {
    if (rest.empty() || rest.front() != c) return false;
    rest.remove_prefix(1);
    return true;
  }
  /// Letters, digits and underscores; "" where there are none.
  std::string_view name() noexcept {
    std::size_t n = 0;
    while (n < rest.size() && is_name(rest[n])) ++n;
    const auto word = rest.substr(0, n);
    rest.remove_prefix(n);
    return word;
  }
  /// Everything up to `c`, which is taken too; false where there is no `c`.
  bool until(char c, std::string_view& out) noexcept {
    const auto at = rest.find(c);
    if (at == std::string_view::npos) return false;
    out = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    return true;
  }
  /// Digits only. A number beyond 64 bits is refused.
  bool decimal(std::uint64_t& n) noexcept { return integer(n, 10); }
  /// With an optional minus sign, as %ld prints an unsigned long.
  bool signed_decimal(std::uint64_t& n) noexcept {
    const auto before = rest;
    const bool minus = character('-');
    if (!integer(n, 10)) {
      rest = before;
      return false;
    }
    if (minus) n = ~n + 1;
    return true;
  }
  /// Hexadecimal digits, with or without 0x.
  bool hex(std::uint64_t& n) noexcept {
    const auto before = rest;
    if (!literal("0x")) literal("0X");
    if (integer(n, 16)) return true;
    rest = before;
    return false;
  }
  /// "0x1f" or "31".
  bool number(std::uint64_t& n) noexcept {
    return rest.starts_with("0x") || rest.starts_with("0X") ? hex(n) : signed_decimal(n);
  }
  bool at_end() noexcept { return trimmed(rest).empty(); }

 private:
  bool integer(std::uint64_t& n, int base) noexcept {
    const auto r = std::from_chars(rest.data(), rest.data() + rest.size(), n, base);
    if (r.ec != std::errc{} || r.ptr == rest.data()) return false;
    rest.remove_prefix(static_cast<std::size_t>(r.ptr - rest.data()));
    return true;
  }
};

/// The pointer formats of C libraries: (nil), (null), NULL, 0x0, 00000000 and addresses. False where it is none of
/// them.
bool scan_pointer(scanner& s, bool& null) noexcept;

/// "2026-11-28 17:40:01.123456" with 0 to 9 digits of a second's fraction (or none), T or a blank between, as ns since
/// 1970 of a clock without a time zone. Years may have fewer digits padded.
bool scan_date_time(scanner& s, std::uint64_t& ns) noexcept;

/// "17:40:01.123" as ns since midnight.
bool scan_time(scanner& s, std::uint64_t& ns) noexcept;

/// The bytes of hexadecimal digits, with or without blanks or colons between the pairs. Masked digits (x, X, *, ?) make
/// the byte unknown: it is left out and `partial` is set. False where anything else stands there.
bool scan_hex_bytes(std::string_view text, std::string& bytes, bool& partial);

}  // namespace p11tape::import
