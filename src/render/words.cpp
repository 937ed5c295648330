#include "render/words.hpp"

#include <charconv>
#include <cstdio>
#include <ctime>

#include "decode/text.hpp"

namespace p11tape::render {
namespace {

void append_number(std::uint64_t n, int base, std::string& out) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, n, base).ptr);
}

}  // namespace

void append_decimal(std::uint64_t n, std::string& out) { append_number(n, 10, out); }

void append_hexadecimal(std::uint64_t n, std::string& out) {
  out += "0x";
  const auto start = out.size();
  append_number(n, 16, out);
  for (auto i = start; i < out.size(); ++i)
    if (out[i] >= 'a') out[i] = static_cast<char>(out[i] - 'a' + 'A');
}

void append_code(std::uint64_t n, std::string& out) { n < 10 ? append_decimal(n, out) : append_hexadecimal(n, out); }

void append_hex(tape::byte_view bytes, std::string& out) {
  static constexpr char digits[] = "0123456789abcdef";
  for (const auto b : bytes) {
    out += digits[static_cast<unsigned>(b) >> 4];
    out += digits[static_cast<unsigned>(b) & 15];
  }
}

void append_quoted(tape::byte_view text, std::string& out) {
  out += '"';
  decode::append_safe(as_decode(text), out);
  out += '"';
}

void append_safe(std::string_view text, std::string& out) {
  decode::append_safe(as_decode(std::as_bytes(std::span(text))), out);
}

void append_local_time(std::uint64_t wall, std::string& out) {
  const auto seconds = static_cast<std::time_t>(wall / 1000000000);
  std::tm t{};
  ::localtime_r(&seconds, &t);
  char text[64];
  const auto n = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &t);
  std::snprintf(text + n, sizeof text - n, ".%06u", static_cast<unsigned>(wall % 1000000000 / 1000));
  out += text;
}

void append_utc_time(std::uint64_t wall, std::string& out) {
  const auto seconds = static_cast<std::time_t>(wall / 1000000000);
  std::tm t{};
  ::gmtime_r(&seconds, &t);
  char text[64];
  const auto n = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &t);
  std::snprintf(text + n, sizeof text - n, ".%09uZ", static_cast<unsigned>(wall % 1000000000));
  out += text;
}

void append_duration(std::uint64_t ns, std::string& out) {
  char text[40];
  const auto n = static_cast<double>(ns);
  if (ns < 1000) {
    std::snprintf(text, sizeof text, "%u ns", static_cast<unsigned>(ns));
  } else if (ns < 1000000) {
    std::snprintf(text, sizeof text, "%.1f µs", n / 1e3);
  } else if (ns < 1000000000) {
    std::snprintf(text, sizeof text, "%.3f ms", n / 1e6);
  } else {
    std::snprintf(text, sizeof text, "%.3f s", n / 1e9);
  }
  out += text;
}

void append_count(std::uint64_t n, std::string_view one, std::string& out) {
  append_decimal(n, out);
  out += ' ';
  out += one;
  if (n != 1) out += 's';
}

padding_kind padding_of(tape::byte_view text, std::uint64_t& count) noexcept {
  count = 0;
  if (text.empty() || (text.back() != std::byte{' '} && text.back() != std::byte{0})) return padding_kind::none;
  while (count < text.size() && text[text.size() - 1 - count] == text.back()) ++count;
  return text.back() == std::byte{0} ? padding_kind::nuls : padding_kind::blanks;
}

}  // namespace p11tape::render
