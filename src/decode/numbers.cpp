// SPDX-License-Identifier: Apache-2.0
// Integers, object identifiers and dates.
#include <algorithm>

#include "decode/der.hpp"
#include "text/safe.hpp"

namespace p11tape::decode {
namespace {

constexpr std::size_t most_shown = 32;  ///< bytes of a long number, 16 from either end

/// Hex of a number, its middle left out where it is long.
std::string short_hex(bytes value) {
  if (value.size() <= most_shown) return text::hex(value);
  return text::hex(value.first(most_shown / 2)) + "…" + text::hex(value.last(most_shown / 2));
}

bytes without_zeros(bytes value) noexcept {
  while (value.size() > 1 && value[0] == 0) value = value.subspan(1);
  return value;
}

std::uint64_t to_number(bytes value) noexcept {
  std::uint64_t n = 0;
  for (const auto b : value) n = (n << 8) | b;
  return n;
}

/// "65537 (0x10001)" for what fits 64 bits.
std::string short_number(bytes value) {
  const auto n = to_number(value);
  std::string digits;
  for (auto rest = n; rest != 0; rest >>= 4) digits.insert(digits.begin(), "0123456789abcdef"[rest & 15]);
  const auto decimal = std::to_string(n);
  return n < 10 ? decimal : decimal + " (0x" + digits + ")";
}

}  // namespace

meaning integer(bytes encoded) {
  const auto e = der::only(encoded, der::integer_tag);
  if (!e || e->content.empty()) return {{}, {}, "not a DER INTEGER"};
  meaning out;
  if ((e->content[0] & 0x80) != 0) {
    out.text = "negative, two's complement 0x" + text::hex(e->content);
    out.facts = {{"hex", text::hex(e->content)}, {"negative", "true"}};
    return out;
  }
  const auto value = without_zeros(e->content);
  // Serial numbers have up to 20 bytes and are compared in full; nothing longer is an honest one.
  out.text =
      value.size() <= 8 ? short_number(value) : "0x" + (value.size() <= 64 ? text::hex(value) : short_hex(value));
  out.facts = {{"hex", text::hex(value)}};
  if (value.size() <= 8) out.facts.push_back({"decimal", std::to_string(to_number(value))});
  return out;
}

meaning big(bytes value) {
  if (value.empty()) return {{}, {}, "a number without bytes"};
  const auto significant = without_zeros(value);
  const auto bits = der::bit_length(value);
  meaning out;
  out.text =
      significant.size() <= 8 ? short_number(significant) : std::to_string(bits) + " bits, 0x" + short_hex(significant);
  out.facts = {{"bits", std::to_string(bits)}, {"hex", text::hex(significant)}};
  return out;
}

meaning oid(bytes encoded) {
  const auto e = der::only(encoded, der::oid_tag);
  if (!e) return {{}, {}, "not a DER OBJECT IDENTIFIER"};
  const auto numbers = der::dotted(e->content);
  if (numbers.empty()) return {{}, {}, "an OBJECT IDENTIFIER with an invalid encoding"};
  meaning out;
  out.text = numbers;
  out.facts = {{"oid", numbers}};
  if (const auto name = der::name_of_oid(numbers); !name.empty()) {
    out.text = std::string{name} + " (" + numbers + ")";
    out.facts.push_back({"name", std::string{name}});
  }
  return out;
}

meaning date(bytes value) {
  if (value.empty()) return {"none", {}, {}};
  if (value.size() != 8) return {{}, {}, "a CK_DATE has 8 bytes, this one has " + std::to_string(value.size())};
  const auto is_digit = [](std::uint8_t b) { return b >= '0' && b <= '9'; };
  if (!std::all_of(value.begin(), value.end(), is_digit))
    return {{}, {}, "a CK_DATE with characters other than digits"};
  const std::string digits{value.begin(), value.end()};
  const auto number = [&](std::size_t at, std::size_t n) { return std::stoi(digits.substr(at, n)); };
  const int year = number(0, 4), month = number(4, 2), day = number(6, 2);
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month < 1 || month > 12 || day < 1 || day > days[month - 1] + (month == 2 && leap ? 1 : 0))
    return {{}, {}, "a CK_DATE that is not a valid date: " + digits};
  return {digits.substr(0, 4) + "-" + digits.substr(4, 2) + "-" + digits.substr(6), {}, {}};
}

meaning text(bytes value) {
  meaning out;
  out.text = "\"" + text::safe_text(value) + "\"";
  if (!text::is_utf8(value)) out.facts = {{"not_utf8", "true"}};
  return out;
}

}  // namespace p11tape::decode
