// SPDX-License-Identifier: Apache-2.0
#include "import/card_lines.hpp"

#include "import/scan.hpp"

namespace p11tape::import {
namespace {

constexpr std::size_t most_bytes = 70000, most_exchanges = 4096;

}  // namespace

bool card_lines::title(std::string_view text) {
  const bool going = text.starts_with("Outgoing APDU"), coming = text.starts_with("Incoming APDU");
  if (!going && !coming) return false;
  const auto digit = text.find_first_of("0123456789");
  if (digit == std::string_view::npos) return false;
  scanner s(text.substr(digit));
  const auto size = s.decimal();
  if (!size || *size > most_bytes) return false;
  s.blanks();
  if (!s.literal("bytes") && !s.literal("byte")) return false;
  if (s.rest.find_first_not_of("]): =") != std::string_view::npos) return false;
  open_ = *size > 0;
  outgoing_ = going;
  size_ = static_cast<std::size_t>(*size);
  bytes_.clear();
  return true;
}

line_use card_lines::take(std::string_view text, call* c, std::optional<u64> time) {
  text = trimmed(text);
  if (title(text)) {
    if (time) now_.time = time;
    return line_use::used;
  }
  if (text.size() > 8 && text.find_first_not_of('=') == std::string_view::npos) return line_use::used;
  if (!open_) return line_use::unknown;
  const auto before = bytes_.size();
  std::string row;
  std::size_t n = 0;
  for (; n < 16 && before + n < size_ && 3 * n + 2 <= text.size(); ++n) {
    const int high = hex_digit(text[3 * n]), low = hex_digit(text[3 * n + 1]);
    if (high < 0 || low < 0 || (3 * n + 2 < text.size() && text[3 * n + 2] != ' ')) break;
    row += static_cast<char>(high * 16 + low);
  }
  if (n == 0) {
    open_ = false;
    return line_use::unknown;
  }
  bytes_ += row;
  // What may be shown: the header of a command, of SELECT all of it, and the status word of a response.
  const bool select = outgoing_ && bytes_.size() >= 2 && bytes_[0] == 0 && static_cast<u8>(bytes_[1]) == 0xa4;
  cleaned.clear();
  for (std::size_t i = 0; i < n; ++i) {
    const auto place = before + i;
    const bool shown = outgoing_ ? select || place < 4 : place + 2 >= size_;
    cleaned += shown ? text.substr(3 * i, 2) : std::string_view("**");
    cleaned += ' ';
  }
  if (bytes_.size() >= size_) complete(c);
  return line_use::masked;
}

void card_lines::complete(call* c) {
  open_ = false;
  if (outgoing_) {
    now_.command = bytes_;
    have_command_ = true;
    return;
  }
  now_.response = bytes_;
  if (have_command_ && c != nullptr && c->exchanges.size() < most_exchanges) c->exchanges.push_back(now_);
  now_ = {};
  have_command_ = false;
}

}  // namespace p11tape::import
