// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "import/input.hpp"
#include "import/scan.hpp"

namespace p11tape::import {
namespace {

// "Nov 28 17:40:01 host program[123]: "
std::size_t syslog_prefix(std::string_view line) noexcept {
  if (line.size() < 20 || line[3] != ' ' || line[6] != ' ') return 0;
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto month = months.find(line.substr(0, 3));
  if (month == std::string_view::npos || month % 3 != 0) return 0;
  scanner s(line.substr(7));
  if (!scan_time(s) || !s.character(' ')) return 0;
  const auto host = s.until(' ');
  if (!host || host->empty()) return 0;
  const auto end = s.rest.find(": ");
  if (end == std::string_view::npos) return 0;
  const auto program = s.rest.substr(0, end);
  if (program.empty() || program.find_first_of(" \t") != std::string_view::npos) return 0;
  return line.size() - s.rest.size() + end + 2;
}

// "2026-11-28T17:40:01.123456789Z stderr F "
std::size_t container_prefix(std::string_view line) noexcept {
  if (line.size() < 20 || line[10] != 'T') return 0;
  scanner s(line);
  if (!scan_date_time(s)) return 0;
  while (!s.rest.empty() && s.rest.front() != ' ') s.rest.remove_prefix(1);
  if (!s.character(' ')) return 0;
  if (s.literal("stdout ") || s.literal("stderr ")) {
    if (!s.literal("F ")) s.literal("P ");
  }
  return line.size() - s.rest.size();
}

void replace(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
}

// ESC [ 3 1 m
void remove_colours(std::string& text) {
  for (std::size_t at = 0; (at = text.find("\x1b[", at)) != std::string::npos;) {
    const auto end = text.find_first_not_of("0123456789;", at + 2);
    text.erase(at, end == std::string::npos ? std::string::npos : end + 1 - at);
  }
}

bool is_fence(std::string_view text) noexcept {
  text = trimmed(text);
  return text.size() >= 3 && (text.starts_with("```") || text.starts_with("~~~")) &&
         std::all_of(text.begin() + 3, text.end(), [](char c) { return is_name(c) || c == '`' || c == '~'; });
}

}  // namespace

std::string_view without_wrapping(std::string_view line, std::string& room) {
  const bool references = line.find('&') != std::string_view::npos && line.find(';') != std::string_view::npos;
  const bool colours = line.find('\x1b') != std::string_view::npos;
  const bool no_break = line.find("\xc2\xa0") != std::string_view::npos;
  if (references || no_break || colours) {
    room.assign(line);
    if (colours) remove_colours(room);
    replace(room, "\xc2\xa0", " ");
    if (references) {
      replace(room, "&nbsp;", " ");
      replace(room, "&lt;", "<");
      replace(room, "&gt;", ">");
      replace(room, "&quot;", "\"");
      replace(room, "&#39;", "'");
      replace(room, "&amp;", "&");
    }
    line = room;
  }
  while (!line.empty()) {
    const auto first = line.find_first_not_of(' ');
    if (first > 3 || line[first] != '>') break;  // npos is more than 3, too
    line.remove_prefix(first + 1);
    if (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  }
  if (!line.empty()) {
    auto prefix = line.front() >= 'A' && line.front() <= 'Z' ? syslog_prefix(line) : 0;
    if (prefix == 0 && line.front() == '2') prefix = container_prefix(line);
    line.remove_prefix(prefix);
  }
  if (is_fence(line)) return {};
  return line;
}

}  // namespace p11tape::import
