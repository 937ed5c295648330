// SPDX-License-Identifier: Apache-2.0
#include "render/words.hpp"

#include "text/safe.hpp"

namespace p11tape::render {

void append_quoted(tape::byte_view text, std::string& out) {
  out += '"';
  text::append_safe(as_decode(text), out);
  out += '"';
}

void append_safe(std::string_view text, std::string& out) {
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
