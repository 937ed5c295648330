// SPDX-License-Identifier: Apache-2.0
#include "clients/formats/unit.hpp"

#include <pwd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "clients/files.hpp"
#include "text/lines.hpp"

namespace p11tape::clients {
namespace {

using text::for_each_line;
using text::is_space;
using text::trim;

constexpr std::string_view places[] = {"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
                                       "/usr/lib/systemd/system", "/lib/systemd/system"};

// Words separated by spaces; quotes group, a backslash escapes.
std::vector<std::string> words_of(std::string_view value) {
  std::vector<std::string> out;
  std::string word;
  bool inside = false;
  char quote = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
      inside = true;
    } else if (c == '\\' && i + 1 < value.size()) {
      word += value[++i];
      inside = true;
    } else if (quote == 0 && is_space(c)) {
      if (inside) out.push_back(word);
      word.clear();
      inside = false;
    } else {
      word += c;
      inside = true;
    }
  }
  if (inside) out.push_back(word);
  return out;
}

// Lines that end with a backslash continue with the next one.
template <class Each>
void for_each_setting(std::string_view text, Each each) {
  std::string joined, section;
  for_each_line(text, [&](std::string_view raw, std::size_t, std::size_t) {
    auto line = trim(raw);
    if (!line.empty() && (line.front() == '#' || line.front() == ';')) return;
    if (line.ends_with('\\')) {
      joined += std::string(line.substr(0, line.size() - 1)) + " ";
      return;
    }
    joined += line;
    const auto whole = trim(joined);
    const auto equals = whole.find('=');
    if (whole.starts_with('[')) {
      section = whole;
    } else if (equals != std::string_view::npos) {
      each(std::string_view(section), trim(whole.substr(0, equals)), trim(whole.substr(equals + 1)));
    }
    joined.clear();
  });
}

std::optional<std::string> text_of(const std::string& path, std::vector<std::string>& problems) {
  try {
    return std::string(read_whole(path).view());
  } catch (const file_error& e) {
    problems.emplace_back(e.what());
    return std::nullopt;
  }
}

std::string_view name_of(std::string_view variable) noexcept { return variable.substr(0, variable.find('=')); }

}  // namespace

void set_variable(std::vector<std::string>& environment, std::string variable) {
  for (auto& v : environment)
    if (name_of(v) == name_of(variable)) {
      v = std::move(variable);
      return;
    }
  environment.push_back(std::move(variable));
}

void read_unit(std::string_view text, service_unit& unit) {
  for_each_setting(text, [&](std::string_view section, std::string_view key, std::string_view value) {
    if (section != "[Service]") return;
    if (key == "User") unit.user = value;
    if (key == "Group") unit.group = value;
    if (key == "Environment") {
      if (value.empty()) unit.environment.clear();
      for (auto& word : words_of(value))
        if (word.find('=') != std::string::npos) set_variable(unit.environment, std::move(word));
    }
    if (key == "EnvironmentFile") {
      if (value.empty())
        unit.files.clear();
      else
        unit.files.emplace_back(value);
    }
  });
}

std::vector<std::string> read_environment_file(std::string_view text) {
  std::vector<std::string> out;
  for_each_line(text, [&](std::string_view raw, std::size_t, std::size_t) {
    const auto line = trim(raw);
    const auto equals = line.find('=');
    if (line.empty() || line.front() == '#' || line.front() == ';' || equals == std::string_view::npos) return;
    const auto words = words_of(trim(line.substr(equals + 1)));
    std::string value;
    for (const auto& w : words) value += (value.empty() ? "" : " ") + w;
    set_variable(out, std::string(trim(line.substr(0, equals))) + "=" + value);
  });
  return out;
}

std::optional<service_unit> find_unit(const std::string& name, std::vector<std::string>& problems) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const bool is_path = name.find('/') != std::string::npos;
  const auto file = is_path || name.find('.') != std::string::npos ? name : name + ".service";
  std::string main;
  std::map<std::string, std::string> drop_ins;  // by file name: a directory that comes earlier wins
  const auto add_drop_ins = [&](const fs::path& directory) {
    for (const auto& entry : fs::directory_iterator(directory, ignored))
      if (entry.path().extension() == ".conf")
        drop_ins.emplace(entry.path().filename().string(), entry.path().string());
  };
  if (is_path) {
    if (exists(file)) main = file;
    add_drop_ins(file + ".d");
  } else {
    for (const auto place : places) {
      const auto path = std::string(place) + "/" + file;
      if (main.empty() && exists(path)) main = path;
      add_drop_ins(path + ".d");
    }
  }
  if (main.empty()) return std::nullopt;
  service_unit unit;
  if (const auto text = text_of(main, problems)) read_unit(*text, unit);
  for (const auto& [_, path] : drop_ins)
    if (const auto text = text_of(path, problems)) read_unit(*text, unit);
  return unit;
}

std::vector<std::string> environment_of(const service_unit& unit, std::vector<std::string>& problems) {
  std::vector<std::string> all{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"};
  if (!unit.user.empty())
    if (const passwd* entry = getpwnam(unit.user.c_str()); entry != nullptr) {
      all.push_back("HOME=" + std::string(entry->pw_dir));
      all.push_back("LOGNAME=" + std::string(entry->pw_name));
      all.push_back("USER=" + std::string(entry->pw_name));
      all.push_back("SHELL=" + std::string(entry->pw_shell));
    }
  for (const auto& v : unit.environment) set_variable(all, v);
  for (const auto& f : unit.files) {
    const bool optional = f.starts_with('-');
    const auto path = optional ? f.substr(1) : f;
    if (optional && !exists(path)) continue;
    if (const auto text = text_of(path, problems))
      for (auto& v : read_environment_file(*text)) set_variable(all, std::move(v));
  }
  return all;
}

}  // namespace p11tape::clients
