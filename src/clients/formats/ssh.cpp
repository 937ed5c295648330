// SPDX-License-Identifier: Apache-2.0
// ssh-agent looks at the real path, after all links: a link below /usr/lib does not make a module acceptable.
#include "clients/formats/ssh.hpp"

namespace p11tape::clients {
namespace {

// Glob with * and ?, without recursion: on a mismatch the last * takes one character more.
bool matches(std::string_view text, std::string_view pattern) noexcept {
  std::size_t t = 0, p = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t]) && pattern[p] != '*') {
      ++t, ++p;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

bool ssh_agent_accepts(std::string_view real_path, std::string_view patterns) noexcept {
  bool accepted = false;
  while (!patterns.empty()) {
    const auto comma = patterns.find(',');
    std::string_view pattern = patterns.substr(0, comma);
    patterns.remove_prefix(comma == std::string_view::npos ? patterns.size() : comma + 1);
    const bool refuses = pattern.starts_with('!');
    if (refuses) pattern.remove_prefix(1);
    if (!matches(real_path, pattern)) continue;
    if (refuses) return false;
    accepted = true;
  }
  return accepted;
}

reading read_ssh_config(std::string_view text) {
  reading r;
  r.kind = client::ssh;
  for_each_line(text, [&](std::string_view raw, std::size_t number, std::size_t) {
    const std::string_view line = trim(raw);
    const auto end = line.find_first_of(" \t=");
    if (line.empty() || line.front() == '#' || end == std::string_view::npos) return;
    if (!same_word(line.substr(0, end), "PKCS11Provider")) return;
    std::string_view value = trim(line.substr(end));
    if (value.starts_with('=')) value = trim(value.substr(1));
    escaping how = escaping::none;
    if (value.size() > 1 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
      how = escaping::quoted;
    }
    if (same_word(value, "none") || value.empty()) return;
    const std::size_t begin = offset_of(value, text);
    r.modules.push_back({std::string(value), "", number, begin, begin + value.size(), how});
    if (!value.starts_with('/')) r.found.add(code::CFG784, label::quoted(value), number);
  });
  if (r.modules.empty()) r.found.add(code::CFG783);
  return r;
}

void check_ssh_agent(findings& out, std::string_view path, std::string_view real_path) {
  const bool linked = path != real_path;
  const std::string detail = label::quoted(path) + (linked ? ", resolved to " + label::quoted(real_path) : "") +
                             "; accepted are " + std::string(ssh_agent_patterns);
  out.add(ssh_agent_accepts(real_path) ? code::CFG782 : code::CFG781, detail);
}

}  // namespace p11tape::clients
