// SPDX-License-Identifier: Apache-2.0
// NSS's own module is the entry with an empty library; it is no place for a recorder.
#include "clients/formats/nss.hpp"

#include <set>
#include <string>

namespace p11tape::clients {
namespace {

struct entry {
  std::string_view library, name, parameters;
  std::size_t line = 0;
  bool any = false;
};

void take(reading& r, std::string_view text, const entry& e, std::set<std::string>& seen) {
  if (!e.any || e.library.empty()) return;  // NSS's own module has an empty library
  const std::size_t begin = offset_of(e.library, text);
  r.modules.push_back(
      {std::string(e.library), std::string(e.name), e.line, begin, begin + e.library.size(), escaping::none});
  const std::string shown = label::quoted(e.library);
  if (e.name.empty()) r.found.add(code::CFG745, shown, e.line);
  if (e.name.find(':') != std::string_view::npos) r.found.add(code::CFG744, label::quoted(e.name), e.line);
  if (!e.library.starts_with('/')) r.found.add(code::CFG747, shown, e.line);
  if (e.library.find("p11-kit-proxy") != std::string_view::npos) r.found.add(code::CFG742, shown, e.line);
  if (!e.parameters.empty()) r.found.add(code::CFG748, "The module " + label::quoted(e.name) + ".", e.line);
  if (!seen.insert(std::string(e.library)).second) r.found.add(code::CFG743, shown, e.line);
}

}  // namespace

reading read_nss(std::string_view text) {
  reading r;
  r.kind = client::nss;
  if (text.find('\0') != std::string_view::npos) {
    r.recognised = false;
    r.found.add(code::CFG746);
    return r;
  }
  std::set<std::string> seen;
  entry now;
  bool recognised = false;
  const auto close = [&] {
    take(r, text, now, seen);
    now = {};
  };
  for_each_line(text, [&](std::string_view raw, std::size_t number, std::size_t) {
    const std::string_view line = trim(raw);
    if (line.empty()) return close();
    const auto equals = line.find('=');
    if (line.front() == '#' || equals == std::string_view::npos) return;
    const std::string_view name = trim(line.substr(0, equals)), value = trim(line.substr(equals + 1));
    if (same_word(name, "library")) {
      if (now.any && !now.library.empty()) close();
      now.library = value;
      now.line = number;
      recognised = true;
    } else if (same_word(name, "name")) {
      now.name = value;
      recognised = true;
    } else if (same_word(name, "parameters")) {
      now.parameters = value;
    }
    now.any = true;
  });
  close();
  r.recognised = recognised || trim(text).empty();
  if (r.modules.empty()) r.found.add(code::CFG741);
  return r;
}

}  // namespace p11tape::clients
