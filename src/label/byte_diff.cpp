// SPDX-License-Identifier: Apache-2.0
// The two byte strings under each other. They are aligned first, so that one blank too many marks one column, not all.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "label/similar_characters.hpp"
#include "label/token_label.hpp"

namespace p11tape::label {
namespace {

constexpr std::size_t columns = 16;
constexpr std::size_t longest =
    96;  // a label is 32 bytes; what lies beyond is of no interest, and aligning is quadratic

// One column: a byte of each side, or nothing (-1) where the other side has one more.
struct column {
  int configured;
  int shown;
};

std::vector<column> align(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::size_t> cost((a.size() + 1) * width);
  const auto at = [&](std::size_t i, std::size_t j) -> std::size_t& { return cost[i * width + j]; };
  for (std::size_t i = 0; i <= a.size(); ++i)
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        at(i, j) = i + j;
        continue;
      }
      at(i, j) = std::min({at(i - 1, j - 1) + (a[i - 1] != b[j - 1]), at(i - 1, j) + 1, at(i, j - 1) + 1});
    }
  std::vector<column> out;
  for (std::size_t i = a.size(), j = b.size(); i > 0 || j > 0;) {
    const bool diagonal = i > 0 && j > 0 && at(i, j) == at(i - 1, j - 1) + (a[i - 1] != b[j - 1]);
    const bool up = !diagonal && i > 0 && at(i, j) == at(i - 1, j) + 1;
    const int left = diagonal || up ? static_cast<unsigned char>(a[--i]) : -1;
    const int right = diagonal || !up ? static_cast<unsigned char>(b[--j]) : -1;
    out.push_back({left, right});
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::string hex(int byte) {
  if (byte < 0) return "--";
  char text[3];
  std::snprintf(text, sizeof text, "%02X", static_cast<unsigned>(byte) & 0xFF);
  return text;
}

std::string name(int byte) {
  switch (byte) {
    case -1:
      return "  ";
    case ' ':
      return "sp";
    case '\0':
      return "\\0";
    case '\r':
      return "\\r";
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    default:
      return byte > 0x20 && byte < 0x7F ? std::string{static_cast<char>(byte), ' '} : "..";
  }
}

std::string padding_note(std::string_view raw) {
  const std::string_view padding = raw.substr(unpadded(raw).size());
  if (padding.empty()) return "";
  const bool blanks = padding.find_first_not_of(' ') == std::string_view::npos;
  const bool nuls = padding.find_first_not_of('\0') == std::string_view::npos;
  return ", then " + std::to_string(padding.size()) +
         (blanks ? " spaces of padding"
          : nuls ? " NUL bytes of padding"
                 : " bytes of padding that are not all spaces");
}

}  // namespace

std::string_view unpadded(std::string_view raw) noexcept {
  raw = raw.substr(0, raw.find('\0'));
  while (raw.ends_with(' ')) raw.remove_suffix(1);
  return raw;
}

std::string quoted(std::string_view text) { return '"' + printable(text) + '"'; }

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t from = at;
    const auto c = next_code_point(text, at);
    // Control characters, and those that turn the direction of writing or are not seen at all, are named.
    const bool hidden = !c || *c < 0x20 || (*c >= 0x7F && *c <= 0xA0) || *c == 0xAD || (*c >= 0x0300 && *c <= 0x036F) ||
                        (*c >= 0x2000 && *c <= 0x200F) || (*c >= 0x2028 && *c <= 0x202F) ||
                        (*c >= 0x2060 && *c <= 0x206F) || *c == 0xFEFF;
    if (!hidden) {
      out.append(text.substr(from, at - from));
      continue;
    }
    for (std::size_t i = from; i < at; ++i) out += "\\x" + hex(static_cast<unsigned char>(text[i]));
  }
  return out;
}

std::string byte_diff(std::string_view configured, std::string_view raw) {
  // A label that holds a NUL is shown to its end: there the NUL is what differs.
  const std::string_view shown = raw.find('\0') == std::string_view::npos ? unpadded(raw) : raw;
  const std::string_view text = unpadded(raw);
  std::string out = "configured  " + quoted(configured) + "  (" + std::to_string(configured.size()) + " bytes)\n" +
                    "token       " + quoted(text) + "  (" + std::to_string(text.size()) + " bytes" + padding_note(raw) +
                    ")\n";
  const auto cells = align(configured.substr(0, longest), shown.substr(0, longest));
  for (std::size_t start = 0; start < cells.size(); start += columns) {
    std::string rows[5] = {"            ", "configured  ", "token       ", "            ", "            "};
    bool differs = false;
    for (std::size_t i = start; i < std::min(start + columns, cells.size()); ++i) {
      const auto& cell = cells[i];
      rows[0] += name(cell.configured) + ' ';
      rows[1] += hex(cell.configured) + ' ';
      rows[2] += hex(cell.shown) + ' ';
      rows[3] += name(cell.shown) + ' ';
      rows[4] += cell.configured == cell.shown ? "   " : "^^ ";
      differs |= cell.configured != cell.shown;
    }
    out += '\n';
    for (std::size_t r = 0; r < (differs ? 5u : 4u); ++r) {
      while (rows[r].ends_with(' ')) rows[r].pop_back();
      out += rows[r] + '\n';
    }
  }
  return out;
}

}  // namespace p11tape::label
