// SPDX-License-Identifier: Apache-2.0
#include "render/words.hpp"

#include <cstring>

#include "text/safe.hpp"

namespace p11tape::render {

void append_quoted(tape::byte_view text, std::string& out) {
  out += '"';
  text::append_safe(as_decode(text), out);
  out += '"';
}

namespace {

// True for text of which text::append_safe() would change nothing: printable ASCII without quotes and backslashes. Looks at
// eight characters at a time, the last eight overlapping those before, since the names of a call's arguments are such
// text, and the live log writes them for each call.
bool is_plain(std::string_view text) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
  constexpr std::size_t step = sizeof(std::uint64_t);
  const auto has_zero = [](std::uint64_t word) { return (word - ones) & ~word & highs; };
  const auto unusual = [&](std::uint64_t word) {
    const auto below_space = (word - ones * 0x20) & ~word & highs;
    const auto others = has_zero(word ^ ones * 0x7f) | has_zero(word ^ ones * '"') | has_zero(word ^ ones * '\\');
    return (word & highs) | below_space | others;
  };
  const auto word_at = [&](std::size_t i) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, step);
    return word;
  };
  if (text.size() < step) {
    std::uint64_t word = ones * 'x';
    for (const char c : text) word = word << 8 | static_cast<unsigned char>(c);
    return unusual(word) == 0;
  }
  std::uint64_t found = unusual(word_at(text.size() - step));
  for (std::size_t i = 0; text.size() - i > step; i += step) found |= unusual(word_at(i));
  return found == 0;
}

}  // namespace

void append_safe(std::string_view text, std::string& out) {
  if (is_plain(text)) {
    out += text;
    return;
  }
  text::append_safe(as_decode(std::as_bytes(std::span(text))), out);
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

std::string_view state_word(tape::call_state s) noexcept {
  switch (s) {
    case tape::call_state::returned:
      return "returned";
    case tape::call_state::in_flight:
      return "in_flight";
    case tape::call_state::left:
      return "left";
    case tape::call_state::result_lost:
      return "result_lost";
    case tape::call_state::result_only:
      return "result_only";
  }
  return "";
}

}  // namespace p11tape::render
