// SPDX-License-Identifier: Apache-2.0
// The lexical side of openssl.cnf: [sections], name = value, # comments, "quotes", backslashes.
#include <algorithm>

#include "clients/formats/openssl.hpp"

namespace p11tape::clients {
namespace {

struct raw_value {
  std::string text;
  std::size_t end = 0;  // where the value ends in the line, the comment and blanks before it left out
};

raw_value value_of(std::string_view line) {
  raw_value v;
  char quote = 0;
  std::size_t kept = 0;  // what may not be trimmed away
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '\\' && i + 1 < line.size()) {
      v.text.push_back(line[++i]);
      kept = v.text.size();
    } else if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        v.text.push_back(c);
      kept = v.text.size();
    } else if (c == '"' || c == '\'' || c == '`') {
      quote = c;
    } else if (c == '#') {
      break;
    } else {
      v.text.push_back(c);
      if (!is_space(c)) kept = v.text.size();
    }
    if (quote != 0 || !is_space(line[i])) v.end = i + 1;
  }
  v.text.resize(kept);
  return v;
}

}  // namespace

cnf_document parse_cnf(std::string_view text) {
  cnf_document doc;
  std::string section;
  bool continued = false;
  for_each_line(text, [&](std::string_view raw, std::size_t number, std::size_t) {
    const std::string_view line = trim(raw);
    const bool continues = line.ends_with('\\') && !line.ends_with("\\\\");
    if (continued) {  // continuation of a list or name: no path is written so
      continued = continues;
      if (!doc.entries.empty()) doc.entries.back().value += std::string(trim(line));
      return;
    }
    if (line.empty() || line.front() == '#') return;
    if (line.front() == '[') {
      section =
          std::string(trim(line.substr(1, line.find(']') == std::string_view::npos ? line.npos : line.find(']') - 1)));
      doc.sections.push_back(section);
      return;
    }
    if (line.starts_with(".include") || line.starts_with(".pragma")) {
      doc.includes |= line.starts_with(".include");
      return;
    }
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) {
      doc.readable = false;
      return;
    }
    const std::string_view rest = trim(line.substr(equals + 1));
    auto value = value_of(rest);
    const std::size_t begin = offset_of(rest, text);
    doc.entries.push_back(
        {section, std::string(trim(line.substr(0, equals))), std::move(value.text), number, begin, begin + value.end});
    continued = continues;
  });
  return doc;
}

const cnf_entry* cnf_document::find(std::string_view section, std::string_view name) const noexcept {
  const auto found = std::find_if(entries.rbegin(), entries.rend(),
                                  [&](const cnf_entry& e) { return e.section == section && e.name == name; });
  return found == entries.rend() ? nullptr : &*found;
}

bool cnf_document::has_section(std::string_view section) const noexcept {
  return std::find(sections.begin(), sections.end(), section) != sections.end();
}

}  // namespace p11tape::clients
