// SPDX-License-Identifier: Apache-2.0
#include "text/numbers.hpp"

#include <charconv>

namespace p11tape::text {
namespace {

constexpr char lower_digits[] = "0123456789abcdef";

void append_number(std::uint64_t n, int base, std::string& out) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, n, base).ptr);
}

// `n` is in units of 10^-decimals: 123 with 2 decimals is "1.23".
void append_fixed(std::uint64_t n, std::size_t decimals, std::string& out) {
  std::uint64_t scale = 1;
  for (std::size_t i = 0; i < decimals; ++i) scale *= 10;
  append_number(n / scale, 10, out);
  if (decimals == 0) return;
  out += '.';
  append_padded(n % scale, decimals, out);
}

}  // namespace

void append_decimal(std::uint64_t n, std::string& out) {
  n < 10 ? out.push_back(static_cast<char>('0' + n)) : append_number(n, 10, out);
}

void append_padded(std::uint64_t n, std::size_t width, std::string& out) {
  const auto start = out.size();
  append_number(n, 10, out);
  if (const auto size = out.size() - start; size < width) out.insert(start, width - size, '0');
}

void append_hexadecimal(std::uint64_t n, std::string& out) {
  out += "0x";
  const auto start = out.size();
  append_number(n, 16, out);
  for (auto i = start; i < out.size(); ++i)
    if (out[i] >= 'a') out[i] = static_cast<char>(out[i] - 'a' + 'A');
}

void append_code(std::uint64_t n, std::string& out) { n < 10 ? append_decimal(n, out) : append_hexadecimal(n, out); }

void append_hex_digits(std::uint64_t n, int digits, std::string& out) {
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += lower_digits[(n >> shift) & 15];
}

void append_hex(std::span<const std::byte> bytes, std::string& out) {
  for (const auto b : bytes) append_hex_digits(static_cast<unsigned>(b), 2, out);
}

std::string hex(std::span<const std::uint8_t> bytes) {
  return hex(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

std::string hex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) append_hex_digits(static_cast<unsigned char>(c), 2, out);
  return out;
}

void append_duration(std::uint64_t ns, std::string& out) {
  if (ns < 1000) {
    append_decimal(ns, out);
    out += " ns";
    return;
  }
  constexpr struct {
    std::uint64_t ns;
    std::string_view name;
  } units[] = {{1000, " µs"}, {1000000, " ms"}, {1000000000, " s"}};
  // The smallest step that leaves three digits; 999.5 µs would be rounded to 1000, and so is 1.00 ms.
  for (const auto& unit : units)
    for (std::size_t decimals = 3; decimals-- > 0;) {
      const std::uint64_t step = unit.ns / (decimals == 2 ? 100 : decimals == 1 ? 10 : 1);
      const std::uint64_t steps = ns / step + (ns % step * 2 >= step ? 1 : 0);
      const bool last = unit.ns == 1000000000 && decimals == 0;
      if (steps >= 1000 && !last) continue;
      append_fixed(steps, decimals, out);
      out += unit.name;
      return;
    }
}

}  // namespace p11tape::text
