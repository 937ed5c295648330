// SPDX-License-Identifier: Apache-2.0
// Tables are as small as the letters of European languages allow; anything else passes through unchanged, which can
// only make two labels look more different than they are, never more alike.
#include "label/similar_characters.hpp"

#include <utility>

namespace p11tape::label {
namespace {

constexpr char32_t replacement = 0xFFFD;

// The base letters of U+00C0..U+017F; '?' where a character has none, or becomes two.
constexpr char32_t base_first = 0xC0;
constexpr std::string_view bases =
    "AAAAAA?CEEEEIIIIDNOOOOO?OUUUUY??aaaaaa?ceeeeiiiidnooooo?ouuuuy?y"
    "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIi??JjKk?LlLlLlL"
    "lLlNnNnNn???OoOoOo??RrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";
static_assert(bases.size() == 0x180 - base_first);

bool is_blank(char32_t c) noexcept {
  return c == ' ' || (c >= 9 && c <= 13) || c == 0xA0 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x3000;
}

// Characters nobody sees: zero-width ones, the byte order mark, combining marks.
bool is_unseen(char32_t c) noexcept {
  return (c >= 0x0300 && c <= 0x036F) || (c >= 0x200B && c <= 0x200F) || c == 0x2060 || c == 0xFEFF || c == 0xAD;
}

char32_t plain(char32_t c) noexcept {
  if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212) return '-';
  if ((c >= 0x2018 && c <= 0x201B) || c == 0xB4 || c == '`') return '\'';
  if ((c >= 0x201C && c <= 0x201F) || c == 0xAB || c == 0xBB) return '"';
  if (is_blank(c) && c > 0x7F) return ' ';
  if (c >= base_first && c < base_first + bases.size() && bases[c - base_first] != '?')
    return static_cast<unsigned char>(bases[c - base_first]);
  return c;
}

std::string latin1_as_utf8(std::string_view text) {
  std::string out;
  for (const char c : text) append_utf8(out, static_cast<unsigned char>(c));
  return out;
}

// Undoes one needless encoding: every character below U+0100, and together they are UTF-8 again.
std::optional<std::string> decoded_once_more(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto c = next_code_point(text, at);
    if (!c || *c > 0xFF) return std::nullopt;
    out.push_back(static_cast<char>(*c));
  }
  if (is_ascii(out) || !is_utf8(out)) return std::nullopt;
  return out;
}

}  // namespace

std::optional<char32_t> next_code_point(std::string_view text, std::size_t& at) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at++);
  if (first < 0x80) return first;
  const int more = first >= 0xC2 && first < 0xE0   ? 1
                   : first >= 0xE0 && first < 0xF0 ? 2
                   : first >= 0xF0 && first < 0xF5 ? 3
                                                   : 0;
  if (more == 0 || text.size() - at < static_cast<std::size_t>(more)) return std::nullopt;
  char32_t c = first & (0x3Fu >> more);
  for (int i = 0; i < more; ++i) {
    const unsigned char next = byte(at + static_cast<std::size_t>(i));
    if ((next & 0xC0) != 0x80) return std::nullopt;
    c = (c << 6) | (next & 0x3F);
  }
  constexpr char32_t smallest[] = {0, 0x80, 0x800, 0x10000};
  if (c < smallest[more] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return std::nullopt;
  at += static_cast<std::size_t>(more);
  return c;
}

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | (c >> 6));
  } else {
    if (c < 0x10000) {
      put(0xE0 | (c >> 12));
    } else {
      put(0xF0 | (c >> 18));
      put(0x80 | ((c >> 12) & 0x3F));
    }
    put(0x80 | ((c >> 6) & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

bool is_ascii(std::string_view text) noexcept {
  for (const char c : text)
    if (static_cast<unsigned char>(c) > 0x7F) return false;
  return true;
}

bool is_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();)
    if (!next_code_point(text, at)) return false;
  return true;
}

std::string lower(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t from = at;
    const auto c = next_code_point(text, at);
    if (!c) {
      out.push_back(text[from]);
      continue;
    }
    char32_t l = *c;
    if ((l >= 'A' && l <= 'Z') || (l >= 0xC0 && l <= 0xDE && l != 0xD7) || (l >= 0x391 && l <= 0x3A9) ||
        (l >= 0x410 && l <= 0x42F))
      l += 32;
    else if (l >= 0x400 && l <= 0x40F)
      l += 80;
    else if (l == 0x178)
      l = 0xFF;
    // Latin Extended-A pairs each capital with the next code point; the capitals are even, in two stretches odd.
    else if ((l >= 0x139 && l <= 0x148) || (l >= 0x179 && l <= 0x17E))
      l += l & 1;
    else if (l >= 0x100 && l <= 0x177 && l != 0x130 && l != 0x131 && l != 0x138)
      l |= 1;
    append_utf8(out, l);
  }
  return out;
}

std::string single_blanks(std::string_view text) {
  std::string out;
  bool pending = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t from = at;
    const auto c = next_code_point(text, at);
    if (c && is_blank(*c)) {
      pending = !out.empty();
      continue;
    }
    if (pending) out.push_back(' ');
    pending = false;
    out.append(text.substr(from, at - from));
  }
  return out;
}

std::string skeleton(std::string_view text) {
  std::string utf8 = is_utf8(text) ? std::string(text) : latin1_as_utf8(text);
  while (auto once_more = decoded_once_more(utf8)) utf8 = std::move(*once_more);
  std::string out;
  for (std::size_t at = 0; at < utf8.size();) {
    const char32_t c = next_code_point(utf8, at).value_or(replacement);
    if (is_unseen(c)) continue;
    switch (c) {  // letters that are commonly written as two
      case 0xDF:
        out += "ss";
        break;
      case 0xC6:
        out += "AE";
        break;
      case 0xE6:
        out += "ae";
        break;
      case 0x152:
        out += "OE";
        break;
      case 0x153:
        out += "oe";
        break;
      default:
        append_utf8(out, plain(c));
    }
  }
  return out;
}

std::optional<std::string> from_ebcdic(std::string_view text) {
  // Rows of code page 1047: where a run of ASCII characters starts, and the run.
  static constexpr std::pair<unsigned char, std::string_view> runs[] = {
      {0x40, " "},          {0x4B, ".<(+|&"},     {0x5A, "!$*);^-/"},  {0x6B, ",%_>?"},    {0x79, "`:#@'=\""},
      {0x81, "abcdefghi"},  {0x91, "jklmnopqr"},  {0xA1, "~stuvwxyz"}, {0xAD, "["},        {0xBD, "]"},
      {0xC0, "{ABCDEFGHI"}, {0xD0, "}JKLMNOPQR"}, {0xE0, "\\"},        {0xE2, "STUVWXYZ"}, {0xF0, "0123456789"}};
  std::string out;
  for (const char raw : text) {
    const auto byte = static_cast<unsigned char>(raw);
    char found = 0;
    for (const auto& [start, run] : runs)
      if (byte >= start && byte < start + run.size()) found = run[byte - start];
    if (found == 0) return std::nullopt;
    out.push_back(found);
  }
  return out;
}

}  // namespace p11tape::label
