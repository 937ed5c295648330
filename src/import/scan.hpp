// SPDX-License-Identifier: Apache-2.0
// Reading a line from left to right: small steps, each of which either takes something off the front or changes
// nothing.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "import/call.hpp"

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
  /// Everything up to `c`, which is taken too; nullopt if there is no `c`.
  std::optional<std::string_view> until(char c) noexcept {
    const auto at = rest.find(c);
    if (at == std::string_view::npos) return std::nullopt;
    const auto before = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    return before;
  }
  /// Digits only. A number beyond 64 bits is refused.
  std::optional<std::uint64_t> decimal() noexcept { return integer(10); }
  /// With an optional minus sign, as %ld prints an unsigned long.
  std::optional<std::uint64_t> signed_decimal() noexcept {
    const auto before = rest;
    const bool minus = character('-');
    const auto n = integer(10);
    if (!n) {
      rest = before;
      return std::nullopt;
    }
    return minus ? ~*n + 1 : *n;
  }
  /// Hexadecimal digits, with or without 0x.
  std::optional<std::uint64_t> hex() noexcept {
    const auto before = rest;
    if (!literal("0x")) literal("0X");
    const auto n = integer(16);
    if (!n) rest = before;
    return n;
  }
  /// "0x1f" or "31".
  std::optional<std::uint64_t> number() noexcept {
    return rest.starts_with("0x") || rest.starts_with("0X") ? hex() : signed_decimal();
  }
  bool at_end() noexcept { return trimmed(rest).empty(); }

 private:
  std::optional<std::uint64_t> integer(int base) noexcept {
    std::uint64_t n = 0;
    const auto r = std::from_chars(rest.data(), rest.data() + rest.size(), n, base);
    if (r.ec != std::errc{} || r.ptr == rest.data()) return std::nullopt;
    rest.remove_prefix(static_cast<std::size_t>(r.ptr - rest.data()));
    return n;
  }
};

/// The pointer formats of C libraries: (nil), (null), NULL, 0x0, 00000000 and addresses. Returns kind::null or
/// kind::pointer; nullopt if it is none of them.
std::optional<value::kind> scan_pointer(scanner& s) noexcept;

/// "2026-11-28 17:40:01.123456" with 0 to 9 digits of a second's fraction (or none), T or a blank between, as ns since
/// 1970 of a clock without a time zone. Years may have fewer digits padded.
std::optional<std::uint64_t> scan_date_time(scanner& s) noexcept;

/// "17:40:01.123" as ns since midnight.
std::optional<std::uint64_t> scan_time(scanner& s) noexcept;

struct hex_bytes {
  std::string bytes;
  bool partial = false;  ///< some were masked, and are left out
};

/// The bytes of hexadecimal digits, with or without blanks or colons between the pairs. Digits may be masked (x, X, *,
/// ?). Returns nullopt if the text contains anything else.
std::optional<hex_bytes> scan_hex_bytes(std::string_view text);

}  // namespace p11tape::import
