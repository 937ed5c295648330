// SPDX-License-Identifier: Apache-2.0
// The public header as text: what a name-by-name comparison with the rows needs, and nothing more of C than that.
#pragma once

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace p11tape::test {

inline std::string read_text(const std::string& path) {
  std::ifstream file{path};
  if (!file) throw std::runtime_error{"cannot read " + path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// The first group of every match of a pattern, in order.
inline std::vector<std::string> all_matches(const std::string& text, const char* pattern) {
  const std::regex expression{pattern};
  std::vector<std::string> found;
  for (std::sregex_iterator it{text.begin(), text.end(), expression}, end; it != end; ++it) found.push_back((*it)[1]);
  return found;
}

/// The names of a header's constants: CKM_AES_CBC, CK_TRUE ... but not CK_ macros without a value.
inline std::set<std::string> constant_names(const std::string& header) {
  const auto names = all_matches(header, R"(\n[ \t]*#[ \t]*define[ \t]+(CK[A-Z]?_[A-Za-z0-9_]+)[ \t]+[^ \t\n])");
  return {names.begin(), names.end()};
}

/// What is in `a` and not in `b`, as one text: an empty one is what a test wants to see.
inline std::string missing(const std::set<std::string>& a, const std::set<std::string>& b) {
  std::string result;
  for (const auto& name : a)
    if (!b.contains(name)) result += name + " ";
  return result;
}

}  // namespace p11tape::test
