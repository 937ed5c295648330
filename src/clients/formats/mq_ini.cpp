// SPDX-License-Identifier: Apache-2.0
// Lines only; what they mean is checked in mq_ini_check.cpp. All views point into the caller's text, nothing is copied,
// so that no second copy of a password comes into being.
#include "clients/formats/mq_ini.hpp"

#include <string>

namespace p11tape::clients {
namespace {

constexpr std::size_t npos = static_cast<std::size_t>(-1);

bool is_comment_sign(char c) noexcept { return c == ';' || c == '#'; }

// Where the comment of an attribute line begins.
std::size_t comment_of(std::string_view line) noexcept {
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool escapes =
        line[i] == '\\' && i + 1 < line.size() && (is_comment_sign(line[i + 1]) || line[i + 1] == '\\');
    if (escapes)
      ++i;
    else if (is_comment_sign(line[i]))
      return i;
  }
  return line.size();
}

ini_line::kind kind_of(std::string_view line) noexcept {
  const std::string_view text = trim(line);
  if (text.empty()) return ini_line::kind::blank;
  if (is_comment_sign(text.front())) return ini_line::kind::comment;
  const auto first = text.find_first_of(":=;#");
  return first != std::string_view::npos && text[first] == ':' ? ini_line::kind::stanza : ini_line::kind::attribute;
}

void split_attribute(ini_line& l) noexcept {
  const std::size_t comment = comment_of(l.text);
  l.comment = l.text.substr(comment);
  const std::string_view kept = l.text.substr(0, comment);
  const auto equals = kept.find('=');
  l.has_equals = equals != std::string_view::npos;
  l.name = trim(kept.substr(0, equals));
  l.value = l.has_equals ? trim(kept.substr(equals + 1)) : kept.substr(kept.size());
}

}  // namespace

ini_document::ini_document(std::string_view text) {
  std::size_t stanza = npos;
  for_each_line(text, [&](std::string_view line, std::size_t number, std::size_t begin) {
    ini_line l;
    l.number = number;
    if (begin == 0 && line.starts_with("\xEF\xBB\xBF")) {
      line.remove_prefix(3);
      begin += 3;
    }
    l.begin = begin;
    l.text = line;
    l.what = kind_of(line);
    if (l.what == ini_line::kind::stanza) {
      l.name = trim(line.substr(0, line.find(':')));
      stanza = lines_.size();
    } else if (l.what == ini_line::kind::attribute) {
      split_attribute(l);
      l.stanza = stanza;
    }
    lines_.push_back(l);
  });
}

const ini_line* ini_document::find_stanza(std::string_view stanza) const noexcept {
  for (const auto& l : lines_)
    if (l.what == ini_line::kind::stanza && same_word(l.name, stanza)) return &l;
  return nullptr;
}

const ini_line* ini_document::find(std::string_view stanza, std::string_view attribute) const noexcept {
  const ini_line* head = find_stanza(stanza);
  const ini_line* found = nullptr;
  if (head == nullptr) return nullptr;
  for (const auto& l : lines_)
    if (l.what == ini_line::kind::attribute && l.stanza != npos && &lines_[l.stanza] == head &&
        same_word(l.name, attribute))
      found = &l;
  return found;
}

secret_buffer ini_document::unescape(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '\\' && i + 1 < raw.size() && (is_comment_sign(raw[i + 1]) || raw[i + 1] == '\\')) ++i;
    out.push_back(raw[i]);
  }
  return secret_buffer(std::move(out));
}

}  // namespace p11tape::clients
