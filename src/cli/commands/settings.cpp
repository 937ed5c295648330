// SPDX-License-Identifier: Apache-2.0
// p11tape settings: which settings count, for a program that is to be started or one that runs.
#include <elf.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/support/commands.hpp"
#include "cli/support/output.hpp"
#include "cli/support/processes.hpp"
#include "cli/support/settings_text.hpp"
#include "cli/support/shim_path.hpp"
#include "render/words.hpp"
#include "text/exit_codes.hpp"

namespace p11tape::cli {
namespace {

namespace fs = std::filesystem;

struct settings_options {
  std::string program, shim;
  int pid = 0;
  bool example = false;
};

void append_line(std::string_view name, std::string_view value, std::string& out) {
  (out += name).append(name.size() < 14 ? 14 - name.size() : 1, ' ');
  render::append_safe(value, out);
  out += '\n';
}

// True where something is wrong.
bool append_computed(const capture::surroundings& where, std::string& out) {
  static capture::settings s;
  capture::read_settings(s, where);
  append_line("settings file", s.file[0] != 0 ? s.file : "none", out);
  append_line("module", s.module_path[0] != 0 ? s.module_path : "not set", out);
  append_settings(shown(s), out);
  if (s.problems[0] != 0) out += "Problems:\n";
  append_problems(s.problems, out);
  return s.problems[0] != 0 || s.module_path[0] == 0;
}

int for_program(const settings_options& o) {
  const auto shim = o.shim.empty() ? find_shim() : fs::absolute(o.shim).string();
  if (shim.empty()) {
    std::fprintf(stderr, "p11tape: p11tape.so: not found beside this program (name it with --shim)\n");
    return exit_unusable;
  }
  output out;
  const auto name = fs::path(o.program).filename().string();
  append_line("program", name.empty() ? "any" : name, out.text());
  append_line("shim", shim, out.text());
  auto where = capture::own_surroundings(shim.c_str());
  where.program = name.c_str();
  const bool wrong = append_computed(where, out.text());
  out.text() += "Environment variables are those of this shell. A service has its own: use --pid.\n";
  out.flush();
  return wrong ? exit_findings : exit_fine;
}

// NUL-separated words of a file in /proc.
std::vector<std::string> words_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(in, word, '\0');) words.push_back(word);
  return words;
}

// An entry of the auxiliary vector.
unsigned long auxiliary(int pid, unsigned long type) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/auxv", std::ios::binary);
  unsigned long pair[2];
  while (in.read(reinterpret_cast<char*>(pair), sizeof pair))
    if (pair[0] == type) return pair[1];
  return 0;
}

// What a process that has not made a tape would read now.
bool append_of_process(int pid, const std::string& shim, const std::string& program, std::string& out) {
  const auto words = words_of("/proc/" + std::to_string(pid) + "/environ");
  std::vector<const char*> environment;
  environment.reserve(words.size() + 1);
  for (const auto& w : words) environment.push_back(w.c_str());
  environment.push_back(nullptr);
  const auto root = "/proc/" + std::to_string(pid) + "/root";
  const auto name = fs::path(program).filename().string();
  return append_computed({shim.c_str(), name.c_str(), auxiliary(pid, AT_SECURE) != 0,
                          static_cast<capture::u32>(auxiliary(pid, AT_EUID)), root.c_str(), environment.data()},
                         out);
}

// What the recorder found out about the module's way to cards.
std::string_view in_words(std::string_view apdu) {
  if (apdu == "on") return "what the module sends to cards through PC/SC is recorded";
  if (apdu == "errors") return "of what the module sends to cards through PC/SC, errors and PIN commands are recorded";
  if (apdu == "off") return "not recorded (setting apdu)";
  if (apdu == "unknown") return "unknown whether the module uses PC/SC; if it does, its exchanges are recorded";
  return "this module does not use PC/SC, or is statically linked with PC/SC or a USB driver, which cannot be recorded";
}

void append_recorded(const written_tape& t, std::string& out) {
  const auto& tape = *t.reader;
  append_line("shim", tape.property("shim"), out);
  const auto module = tape.property("module.path");
  append_line("module", module.empty() ? tape.property("module") : module, out);
  append_line("tape", t.path, out);
  append_line("cards", in_words(tape.property("apdu")), out);
  const auto file = tape.property("settings.file");
  append_line("settings file", file.empty() ? "none" : file, out);
  append_settings(shown(tape), out);
  const auto problems = tape.property("note");
  if (!problems.empty()) out += "Problems:\n";
  append_problems(problems, out);
}

int for_process(int pid) {
  bool denied = false;
  const auto program = program_path(pid, denied);
  if (program.empty()) {
    std::fprintf(stderr, "p11tape: process %d %s\n", pid,
                 denied ? "belongs to another user (run as root)" : "does not exist, or has no executable");
    return exit_unusable;
  }
  const auto shims = loaded_shims(pid);
  const auto tapes = written_tapes(pid);
  output out;
  append_line("process", std::to_string(pid) + " " + program, out.text());
  if (shims.empty() && tapes.empty()) {
    out.text() += "p11tape.so is not loaded in this process.\n";
    return exit_findings;
  }
  bool wrong = false;
  for (const auto& t : tapes) {
    out.text() +=
        "\n"
        "As its recorder read them at the start:\n";
    append_recorded(t, out.text());
    wrong |= !t.reader->property("note").empty();
  }
  for (const auto& shim : shims) {
    const auto is_its = [&](const written_tape& t) {
      const auto known = std::string(t.reader->property("shim"));
      std::error_code e;
      const auto root = "/proc/" + std::to_string(pid) + "/root";
      return known == shim || fs::equivalent(root + known, root + shim, e);
    };
    if (std::any_of(tapes.begin(), tapes.end(), is_its)) continue;
    out.text() += "\n";
    append_line("shim", shim + " (loaded)", out.text());
    append_line("tape", "none: no call has been made yet, or recording is off", out.text());
    wrong |= append_of_process(pid, shim, program, out.text());
  }
  out.flush();
  return wrong ? exit_findings : exit_fine;
}

int show_settings(const settings_options& o) {
  if (o.example) {
    output out;
    out.text() = settings_example();
    return exit_fine;
  }
  return o.pid != 0 ? for_process(o.pid) : for_program(o);
}

}  // namespace

void add_settings(CLI::App& app, status& result) {
  auto* command = app.add_subcommand("settings", "Show the effective settings, and where each comes from");
  auto o = std::make_shared<settings_options>();
  auto* as =
      command->add_option("--as", o->program, "Program to show the settings for: name or path of its executable");
  auto* shim = command->add_option("--shim", o->shim, "Copy of p11tape.so to show the settings for");
  auto* pid =
      command->add_option("--pid", o->pid, "Running process to show the settings of")->check(CLI::PositiveNumber);
  auto* example =
      command->add_flag("--example", o->example, "Print a settings file with every setting and its default");
  pid->excludes(as)->excludes(shim);
  example->excludes(as)->excludes(shim)->excludes(pid);
  command->footer(
      "Examples:\n"
      "  p11tape settings --as amqrmppa\n"
      "  p11tape settings --pid 1234\n"
      "  p11tape settings --example > /etc/p11tape/p11tape.yaml\n"
      "Exit status: 0 no problems; 1 a setting is wrong, no module is named, or p11tape.so is not loaded in the "
      "process; 2 the\n"
      "process cannot be examined.");
  command->callback([o, &result] { result = show_settings(*o); });
}

}  // namespace p11tape::cli
