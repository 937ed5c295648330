// SPDX-License-Identifier: Apache-2.0
// The settings file: the one place in the host process where exceptions exist. None leaves it.
#include <yaml-cpp/yaml.h>

#include <cstdio>
#include <exception>
#include <set>
#include <string>
#include <string_view>

#include "capture/settings/settings_table.hpp"

namespace p11tape::capture {
namespace {

class reading {
 public:
  reading(settings& s, const char* path, const char* program) : s_(s), path_(path), program_(program) {}

  void whole(std::string_view text) {
    const auto root = YAML::Load(std::string(text));
    if (root.IsNull()) return;
    if (!root.IsMap()) return complain(root, "", "the file must contain one setting per line: `key: value`");
    section(root, "", true);
    if (const auto programs = root["programs"]; programs.IsDefined()) sections(programs);
  }

 private:
  std::string place(const YAML::Node& node) const {
    const auto mark = node.Mark();
    return mark.is_null() ? std::string(path_) : std::string(path_) + ":" + std::to_string(mark.line + 1);
  }

  // "FILE:LINE: KEY WHY."
  void complain(const YAML::Node& node, const std::string& key, const std::string& why) {
    problem(s_, "%s: %s%s%s.", place(node).c_str(), key.c_str(), key.empty() ? "" : ": ", why.c_str());
  }

  // A value that is not used because of its kind.
  void refuse(const YAML::Node& node, setting which, const std::string& key, bool apply, const std::string& why) {
    if (which == setting::module && apply) s_.module_unclear = true;
    complain(node, key, why);
  }

  static const char* kind_of(const YAML::Node& node) {
    return node.IsSequence() ? "a list" : node.IsMap() ? "a group of settings" : "empty";
  }

  void sections(const YAML::Node& programs) {
    if (programs.IsNull()) return;
    if (!programs.IsMap())
      return complain(programs, "programs",
                      "it must contain program names, with the settings of each program below its name");
    std::set<std::string> seen;
    for (const auto& one : programs) {
      if (!one.first.IsScalar()) {
        complain(one.first, "programs", "the name of a program must be a word");
        continue;
      }
      const auto& name = one.first.Scalar();
      if (name.find('/') != std::string::npos)
        complain(one.first, "programs",
                 "`" + std::string(shown_name(name.c_str())) +
                     "`: a program is named by its file name, without directories");
      if (!seen.insert(name).second)
        complain(one.first, "programs",
                 "`" + std::string(shown_name(name.c_str())) + "` is given twice; the last one is used");
      if (one.second.IsNull()) continue;
      if (!one.second.IsMap()) {
        complain(one.second, "programs." + std::string(shown_name(name.c_str())), "it must be a group of settings");
        continue;
      }
      section(one.second, "programs." + std::string(shown_name(name.c_str())) + ".", name == program_);
    }
  }

  // Settings that do not `apply` are checked all the same: mistakes are found before they matter.
  void section(const YAML::Node& map, const std::string& prefix, bool apply) {
    std::set<std::string> seen;
    for (const auto& one : map) {
      if (!one.first.IsScalar()) {
        complain(one.first, "", "the name of a setting must be a word");
        continue;
      }
      const auto& key = one.first.Scalar();
      if (key == "programs" && prefix.empty()) continue;
      const auto index = setting_of_key(key.c_str());
      if (index == setting_count) {
        const char* meant = nearest_name(key.c_str(), false);
        complain(one.first, prefix + shown_name(key.c_str()),
                 std::string("unknown setting") + (meant ? std::string(" (did you mean `") + meant + "`?)" : "") +
                     "; it is ignored");
        continue;
      }
      if (!seen.insert(key).second) complain(one.first, prefix + key, "it is given twice; the last one is used");
      value(one.first, one.second, static_cast<setting>(index), prefix + key, apply);
    }
  }

  void value(const YAML::Node& name, const YAML::Node& node, setting which, const std::string& key, bool apply) {
    std::string text;
    if (row_of(which).kind == setting_kind::calls && node.IsSequence()) {
      for (const auto& word : node) {
        if (!word.IsScalar())
          return refuse(word, which, key, apply,
                        std::string("each element must be a word, but one is ") + kind_of(word));
        text += (text.empty() ? "" : ", ") + word.Scalar();
      }
    } else if (node.IsNull()) {
      return refuse(name, which, key, apply, "it has no value; the default is used");
    } else if (!node.IsScalar()) {
      return refuse(name, which, key, apply, std::string("it must be one value, but is ") + kind_of(node));
    } else {
      text = node.Scalar();
    }
    if (text.empty() && row_of(which).standard[0] == 0) return;  // nothing, as by default
    if (text.find('\0') != std::string::npos) return refuse(name, which, key, apply, "it contains a NUL character");
    if (apply) return take_setting(s_, which, text.c_str(), place(name).c_str(), key.c_str());
    static settings scratch;
    scratch.problems[0] = 0;
    take_setting(scratch, which, text.c_str(), place(name).c_str(), key.c_str());
    if (scratch.problems[0] != 0) {
      std::string_view said = scratch.problems;
      said.remove_suffix(1);
      problem(s_, "%.*s", static_cast<int>(said.size()), said.data());
    }
  }

  settings& s_;
  const char* path_;
  std::string_view program_;
};

}  // namespace

void read_settings_text(settings& s, const char* path, const char* text, std::size_t size,
                        const char* program) noexcept {
  try {
    reading(s, path, program).whole({text, size});
  } catch (const YAML::Exception& e) {
    s.module_unclear = true;
    problem(s, "%s:%d: the file is not valid YAML: %s. The file is ignored.", path, e.mark.line + 1, e.msg.c_str());
  } catch (const std::exception& e) {
    s.module_unclear = true;
    problem(s, "%s: cannot read the settings file: %s.", path, e.what());
  }
}

}  // namespace p11tape::capture
