// SPDX-License-Identifier: Apache-2.0
// strongswan.conf: sections in braces, `name = value`; a section's opening brace may stand on its own line, and several
// settings on one line are parted by the braces only.
#include <set>
#include <string>
#include <vector>

#include "clients/formats/servers.hpp"

namespace p11tape::clients {
namespace {

struct open_section {
  std::string name;
  std::size_t line;
  bool has_path = false;
};

class parser {
 public:
  parser(std::string_view text, reading& r) : text_(text), r_(r) {}

  void run() {
    for_each_line(text_, [&](std::string_view raw, std::size_t number, std::size_t) {
      line_ = number;
      std::string_view rest = raw.substr(0, raw.find('#'));
      while (!rest.empty()) {
        const auto brace = rest.find_first_of("{}");
        const std::string_view before = trim(rest.substr(0, brace));
        if (brace == std::string_view::npos) {
          statement(before);
          return;
        }
        if (rest[brace] == '{')
          open(before);
        else
          close(before);
        rest.remove_prefix(brace + 1);
      }
    });
    if (!sections_.empty())
      r_.found.add(code::CFG803, "The section of line " + std::to_string(sections_.back().line) + " is not closed.");
  }

 private:
  void open(std::string_view name) {
    sections_.push_back({std::string(name.empty() ? pending_ : name), line_});
    pending_ = {};
  }

  void close(std::string_view last) {
    statement(last);
    pending_ = {};
    if (sections_.empty()) {
      r_.found.add(code::CFG803, "", line_);
      return;
    }
    if (in_module() && !sections_.back().has_path)
      r_.found.add(code::CFG801, label::quoted(sections_.back().name), sections_.back().line);
    sections_.pop_back();
  }

  bool in_module() const noexcept { return sections_.size() > 1 && sections_[sections_.size() - 2].name == "modules"; }

  void statement(std::string_view text) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) {
      if (!text.empty()) pending_ = text;  // a section's name, its brace on the next line
      return;
    }
    const std::string_view name = trim(text.substr(0, equals));
    std::string_view value = trim(text.substr(equals + 1));
    if (!sections_.empty() && sections_.back().name == "pkcs11" && name == "load" && same_word(value, "no"))
      r_.found.add(code::CFG806, "", line_);
    if (!in_module() || name != "path") return;
    sections_.back().has_path = true;
    escaping how = escaping::none;
    if (value.size() > 1 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
      how = escaping::quoted;
    }
    const std::size_t begin = offset_of(value, text_);
    r_.modules.push_back({std::string(value), sections_.back().name, line_, begin, begin + value.size(), how});
    if (!value.starts_with('/')) r_.found.add(code::CFG805, label::quoted(value), line_);
    if (!seen_.insert(std::string(value)).second) r_.found.add(code::CFG804, label::quoted(value), line_);
  }

  std::string_view text_;
  reading& r_;
  std::vector<open_section> sections_;
  std::string_view pending_;
  std::set<std::string> seen_;
  std::size_t line_ = 0;
};

}  // namespace

reading read_strongswan(std::string_view text) {
  reading r;
  r.kind = client::strongswan;
  parser(text, r).run();
  if (r.modules.empty()) r.found.add(code::CFG802);
  return r;
}

}  // namespace p11tape::clients
