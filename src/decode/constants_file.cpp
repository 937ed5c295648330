// SPDX-License-Identifier: Apache-2.0
#include "decode/constants_file.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <vector>

#include "cryptoki/extra_names.hpp"
#include "cryptoki/tables.hpp"

namespace p11tape::decode {
namespace {

using namespace cryptoki;

/// The groups that a section may name, and how the names in them begin.
constexpr std::pair<std::string_view, std::string_view> groups[] = {
    {"mechanism", "CKM_"},    {"attribute", "CKA_"}, {"return_value", "CKR_"}, {"key_type", "CKK_"},
    {"object_class", "CKO_"}, {"user_type", "CKU_"}, {"trust", "CKT_"},        {"hardware_feature", "CKH_"},
};

/// Inside this file, what is wrong travels as an exception, as yaml-cpp's own errors do.
struct wrong {
  YAML::Mark mark;
  std::string what;
};

[[noreturn]] void refuse(const YAML::Node& where, std::string what) { throw wrong{where.Mark(), std::move(what)}; }

struct entry {
  std::string_view group;
  std::string name;
  std::uint64_t value;
};

std::string scalar(const YAML::Node& node, const std::string& key, const char* wanted) {
  if (!node.IsScalar()) refuse(node, key + ": this must be " + wanted);
  return node.Scalar();
}

std::optional<std::uint64_t> to_number(std::string_view text) noexcept {
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  if (hexadecimal) text.remove_prefix(2);
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n, hexadecimal ? 16 : 10);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(n) : std::nullopt;
}

/// "0x80000010", "12" or "CKM_VENDOR_DEFINED+0x10".
std::uint64_t value_in(const YAML::Node& node, const std::string& key) {
  constexpr const char* wanted = "a number (0x80000010) or NAME+number (CKM_VENDOR_DEFINED+0x10)";
  auto text = scalar(node, key, wanted);
  std::erase(text, ' ');
  std::uint64_t base = 0;
  std::string_view rest = text;
  if (const auto plus = rest.find('+'); plus != std::string_view::npos) {
    if (!value_of(rest.substr(0, plus), base))
      refuse(node, key + ": " + text.substr(0, plus) + " is not a name of PKCS#11");
    rest.remove_prefix(plus + 1);
  }
  const auto number = to_number(rest);
  if (!number || base + *number < base) refuse(node, key + ": " + text + " is not " + wanted);
  return base + *number;
}

/// One group of a section; checks each name against the standard's.
void read_group(const YAML::Node& node, std::string_view group, std::string_view prefix, const std::string& key,
                std::vector<entry>& out) {
  if (!node.IsMap()) refuse(node, key + ": this must be a list of NAME: value");
  std::set<std::string> seen;
  for (const auto& pair : node) {
    const auto name = scalar(pair.first, key, "a list of NAME: value");
    const auto full = key + "." + name;
    const auto word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
    if (!name.starts_with(prefix) || name.size() == prefix.size() || !std::all_of(name.begin(), name.end(), word))
      refuse(pair.first, full + ": names of this group are words that start with " + std::string{prefix});
    if (!seen.insert(name).second) refuse(pair.first, full + ": this name is given twice");
    const auto value = value_in(pair.second, full);
    for (const auto& c : constants()) {
      if (c.name == name && (c.value != value || c.group != group))
        refuse(pair.first, full + ": the standard uses this name for another value (choose another name)");
      if (c.group == group && c.value == value && c.name != name && !c.alias)
        refuse(pair.first,
               full + ": the standard already names this value: " + std::string{c.name} + " (remove this entry)");
    }
    out.push_back({group, name, value});
  }
}

/// `modules: [libcknfast, …]`: true where one of the tapes' modules has such a name, or none is known.
bool fits(const YAML::Node& node, const std::string& key, std::span<const std::string> modules) {
  if (!node.IsSequence()) refuse(node, key + ": this must be a list of file name prefixes");
  bool found = modules.empty();
  for (const auto& item : node) {
    const auto beginning = scalar(item, key, "a list of file name prefixes");
    if (beginning.empty()) refuse(item, key + ": an empty name would match every module");
    for (const auto& m : modules) found |= std::filesystem::path{m}.filename().string().starts_with(beginning);
  }
  return found;
}

void read_section(const YAML::Node& node, const std::string& name, std::span<const std::string> modules,
                  std::vector<entry>& out) {
  if (!node.IsMap()) refuse(node, name + ": this must be a section with groups of names");
  bool counts = true;
  std::vector<entry> found;
  std::set<std::string> seen;
  for (const auto& pair : node) {
    const auto key = scalar(pair.first, name, "a section with groups of names");
    const auto full = name + "." + key;
    if (!seen.insert(key).second) refuse(pair.first, full + ": this key is given twice");
    if (key == "modules") {
      counts = fits(pair.second, full, modules);
      continue;
    }
    const auto* group =
        std::find_if(std::begin(groups), std::end(groups), [&](const auto& g) { return g.first == key; });
    if (group == std::end(groups)) {
      std::string known = "modules";
      for (const auto& g : groups) known += ", " + std::string{g.first};
      refuse(pair.first, full + ": unknown key; a section has " + known);
    }
    read_group(pair.second, group->first, group->second, full, found);
  }
  if (counts) out.insert(out.end(), found.begin(), found.end());
}

std::vector<entry> read_file(const std::string& text, std::span<const std::string> modules) {
  const auto root = YAML::Load(text);
  std::vector<entry> entries;
  if (root.IsNull()) return entries;
  if (!root.IsMap()) refuse(root, "a constants file is a list of sections, one per vendor");
  std::set<std::string> seen;
  for (const auto& pair : root) {
    const auto name = scalar(pair.first, "the name of a section", "a word");
    if (!seen.insert(name).second) refuse(pair.first, name + ": this section is given twice");
    read_section(pair.second, name, modules, entries);
  }
  // One name, one value: checked before anything is added.
  std::map<std::string_view, std::uint64_t> values;
  for (const auto& e : entries)
    if (const auto [at, added] = values.try_emplace(e.name, e.value); !added && at->second != e.value)
      refuse(root, e.name + ": two sections use this name for different values (choose another name in one of them)");
  return entries;
}

}  // namespace

constants_result load_constants(const std::string& path, std::span<const std::string> modules) {
  constants_result result;
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    result.error = path + ": not a constants file (it is a directory)";
    return result;
  }
  std::ifstream file{path};
  if (!file) {
    result.error = path + ": cannot read this constants file: " + std::strerror(errno);
    return result;
  }
  std::stringstream text;
  text << file.rdbuf();
  const auto at = [&](const YAML::Mark& mark) {
    return mark.is_null() ? path + ": " : path + ":" + std::to_string(mark.line + 1) + ": ";
  };
  try {
    for (const auto& e : read_file(text.str(), modules)) {
      const auto added = add_name(e.group, e.value, e.name);
      if (added == name_added::yes) ++result.added;
      if (added == name_added::name_has_value) {
        result.error = path + ": " + e.name + ": another constants file uses this name for another value";
        return result;
      }
    }
  } catch (const wrong& w) {
    result.error = at(w.mark) + w.what;
  } catch (const YAML::Exception& e) {
    result.error = at(e.mark) + "not valid YAML: " + e.msg;
  }
  return result;
}

}  // namespace p11tape::decode
