// SPDX-License-Identifier: Apache-2.0
#include "cli/support/settings_text.hpp"

#include <algorithm>

#include "capture/settings/settings_table.hpp"
#include "render/words.hpp"

namespace p11tape::cli {
namespace {

using capture::setting_kind;
using capture::setting_row;

constexpr std::size_t width = 100;

// Breaks a sentence into comment lines.
void append_comment(std::string_view text, std::string& out) {
  std::string line = "#";
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(" \n"), text.size());
    const auto word = text.substr(0, end);
    if (line.size() + 1 + word.size() > width) {
      out += line + '\n';
      line = "#";
    }
    (line += ' ') += word;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  out += line + '\n';
}

// What may be written, where the default does not show it.
std::string values_of(const setting_row& row) {
  switch (row.kind) {
    case setting_kind::choice: {
      std::string text = "One of: ";
      for (const char* c = row.allowed; *c != 0; ++c)
        if (*c == '|') {
          text += ", ";
        } else {
          text += *c;
        }
      return text + ".";
    }
    case setting_kind::size:
      return std::string("A size, ") + row.allowed + " bytes.";
    case setting_kind::count:
      return std::string("A number, ") + row.allowed + ".";
    default:
      return "";
  }
}

std::string example_value(const setting_row& row) {
  const std::string standard = row.standard;
  if (!standard.empty()) return standard[0] == '{' ? '"' + standard + '"' : standard;  // a brace would begin a group
  const std::string_view key = row.key;
  if (key == "module") return "/usr/lib/softhsm/libsofthsm2.so";
  if (key == "dir") return "/var/tmp/tapes";
  if (key == "control") return "/run/p11tape.control";
  if (key == "log") return "/var/tmp/p11tape.log";
  if (key == "leave_out") return "[C_GenerateRandom, digest]";
  return "";
}

}  // namespace

std::string settings_example() {
  std::string out;
  append_comment(
      "All settings of p11tape.so. A line that starts with # shows the default, or an example if there is no default.",
      out);
  out += "#\n";
  append_comment(
      "Name this file after the shared object that reads it (p11tape.so: p11tape.yaml, p11tape-luna.so: "
      "p11tape-luna.yaml), and put it beside the shared object or into /etc/p11tape. P11TAPE_CONFIG can name any "
      "other file. Each setting also has an environment variable, which overrides the file. Setuid programs ignore "
      "the variables, and read only files that nobody but root and their own user can write to.",
      out);
  out += "#\n";
  append_comment(
      "p11tape settings shows the effective settings of a program, and where each comes from. Errors in this file are "
      "reported on stderr, in syslog and on the tape, and the default is used.",
      out);
  for (const auto& row : capture::setting_rows) {
    out += '\n';
    if (row.heading != nullptr) {
      append_comment(std::string("---- ") + row.heading, out);
      out += '\n';
    }
    append_comment(row.help, out);
    const auto values = values_of(row);
    append_comment((values.empty() ? "" : values + " ") + "Variable: " + row.variable + ".", out);
    out += std::string("#") + row.key + ": " + example_value(row) + '\n';
  }
  out += '\n';
  append_comment("Settings for one program only, by the name of its executable. They override those above.", out);
  out +=
      "#programs:\n"
      "#  amqrmppa:\n"
      "#    dir: /var/mqm/tapes\n"
      "#  java:\n"
      "#    sample_polls: 100\n";
  return out;
}

std::vector<shown_setting> shown(const capture::settings& s) {
  std::vector<shown_setting> all;
  for (std::size_t i = 0; i < capture::setting_count; ++i)
    all.push_back({capture::setting_rows[i].key, s.values[i].text, s.values[i].from});
  return all;
}

std::vector<shown_setting> shown(const tape::reader& tape) {
  std::vector<shown_setting> all;
  constexpr std::string_view prefix = "setting.", suffix = ".from";
  for (const auto& [key, value] : tape.properties()) {
    if (!key.starts_with(prefix) || !key.ends_with(suffix) || key.size() <= prefix.size() + suffix.size()) continue;
    const auto name = key.substr(prefix.size(), key.size() - prefix.size() - suffix.size());
    all.push_back({name, std::string(tape.property(std::string(prefix) + name)), value});
  }
  return all;
}

void append_settings(const std::vector<shown_setting>& all, std::string& out) {
  std::size_t key = 0, value = 0;
  for (const auto& s : all) {
    key = std::max(key, s.key.size());
    value = std::max(value, std::min<std::size_t>(s.value.size(), 40));
  }
  for (const auto& s : all) {
    out += "  " + s.key;
    out.append(key - s.key.size() + 2, ' ');
    const auto start = out.size();
    render::append_safe(s.value.empty() ? "-" : s.value, out);
    const auto length = out.size() - start;
    out.append(length < value ? value - length + 2 : 2, ' ');
    render::append_safe(s.from, out);
    out += '\n';
  }
}

void append_problems(std::string_view problems, std::string& out) {
  while (!problems.empty()) {
    const auto end = std::min(problems.find('\n'), problems.size());
    out += "  ";
    render::append_safe(problems.substr(0, end), out);
    out += '\n';
    problems.remove_prefix(std::min(end + 1, problems.size()));
  }
}

}  // namespace p11tape::cli
