// SPDX-License-Identifier: Apache-2.0
// What administrators paste: the output of DISPLAY QMGR, the command ALTER QMGR, a line of a shell script, the bare
// string.
#include "clients/formats/mq_sslcryp.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace p11tape::clients {
namespace {

constexpr std::string_view keyword = "SSLCRYP(";

// Joins what was wrapped: line ends and the blanks that indent the next line go; + joins without them, - keeps them.
std::string unwrapped(std::string_view text) {
  std::string out;
  bool skip_indent = false;
  for_each_line(text, [&](std::string_view line, std::size_t, std::size_t) {
    if (skip_indent)
      while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
    std::string_view kept = line;
    while (!kept.empty() && is_space(kept.back())) kept.remove_suffix(1);
    const bool plus = kept.ends_with('+'), minus = kept.ends_with('-');
    const bool last = line.data() + line.size() >= text.data() + text.size();
    if ((plus || minus) && !last) kept.remove_suffix(1);
    out += last ? line : kept;
    skip_indent = !minus;
  });
  return out;
}

// 'It''s' up to the closing quote.
std::string unquoted(std::string_view text) {
  std::string out;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\'' && i + 1 < text.size() && text[i + 1] == '\'')
      ++i;
    else if (text[i] == '\'')
      return out;
    out.push_back(text[i]);
  }
  return out;
}

// Up to the bracket that closes the attribute: labels have brackets of their own, mostly in pairs. Where they are not,
// the last bracket before the next attribute is taken.
std::string_view bracketed(std::string_view text) noexcept {
  int depth = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
    if (depth == 0) return text.substr(0, i);
  }
  const auto line_end = text.find('\n');
  const auto last = text.substr(0, line_end).rfind(')');
  return text.substr(0, last != std::string_view::npos ? last : text.rfind(')'));
}

std::size_t find_keyword(std::string_view text) noexcept {
  for (std::size_t i = 0; i + keyword.size() <= text.size(); ++i)
    if (same_word(text.substr(i, keyword.size()), keyword) &&
        (i == 0 || !std::isalnum(static_cast<unsigned char>(text[i - 1]))))
      return i;
  return std::string_view::npos;
}

}  // namespace

std::optional<secret_buffer> find_sslcryp(std::string_view text) {
  const auto at = find_keyword(text);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = text.substr(at + keyword.size());
  while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
  if (rest.starts_with('\'')) {
    std::string value = unquoted(rest);
    secret_buffer joined(unwrapped(value));
    secret_buffer::wipe(value);
    return joined;
  }
  return secret_buffer(unwrapped(trim(bracketed(rest))));
}

std::string_view mqsco_text(std::string_view field) noexcept {
  field = field.substr(0, std::min(field.find('\0'), mq_string_size));
  while (field.ends_with(' ')) field.remove_suffix(1);
  return field;
}

reading read_pasted_mq_string(std::string_view text) {
  if (const auto value = find_sslcryp(text)) return read_mq_string(value->view(), mq_place::sslcryp);
  if (text.size() == mq_string_size && text.find_first_of("\n\r") == std::string_view::npos)
    return read_mq_string(mqsco_text(text), mq_place::mqsco);
  std::string_view line = trim(text);
  for (const std::string_view start : {"export ", "set ", "SET "})
    if (line.starts_with(start)) line = trim(line.substr(start.size()));
  mq_place where = mq_place::plain;
  bool unquoted_in_shell = false;
  if (line.starts_with("MQSSLCRYP=")) {
    where = mq_place::environment;
    line.remove_prefix(10);
    // The shell's own quotes are not part of the value.
    if (line.size() > 1 && (line.front() == '"' || line.front() == '\'') && line.back() == line.front())
      line = line.substr(1, line.size() - 2);
    else
      unquoted_in_shell = line.find(';') != std::string_view::npos;
  }
  reading r = read_mq_string(line, where);
  if (unquoted_in_shell) r.found.add(code::CFG125);
  return r;
}

std::string mqsc_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

}  // namespace p11tape::clients
