// SPDX-License-Identifier: Apache-2.0
// p11tape inventory: which processes of this machine have which PKCS#11 module mapped, and which of them are recorded.
//
// A module is a mapped file that exports C_GetFunctionList or C_GetInterface. It is looked at through the process's own
// root, and nothing is asked of the process.
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include "cli/support/commands.hpp"
#include "cli/support/output.hpp"
#include "cli/support/processes.hpp"
#include "render/words.hpp"
#include "run/elf_file.hpp"
#include "text/exit_codes.hpp"
#include "text/json_writer.hpp"

namespace p11tape::cli {
namespace {

struct found_module {
  int pid = 0;
  std::string user, program, path, tape;
  bool recorder = false, deleted = false;
  std::string_view state() const { return recorder ? "recorder" : !tape.empty() ? "recorded" : "not recorded"; }
};

std::string user_of(int pid) {
  struct stat st {};
  if (::stat(("/proc/" + std::to_string(pid)).c_str(), &st) != 0) return "?";
  const auto* user = ::getpwuid(st.st_uid);
  return user != nullptr ? user->pw_name : std::to_string(st.st_uid);
}

// Files are judged once, by device and inode: a hundred processes map the same libc.
class judge {
 public:
  enum class kind : std::uint8_t { other, module, recorder };
  kind of(int pid, const std::string& path) {
    const auto file = "/proc/" + std::to_string(pid) + "/root" + path;
    struct stat st {};
    if (::stat(file.c_str(), &st) != 0) return kind::other;
    const auto [at, is_new] = known_.try_emplace({st.st_dev, st.st_ino}, kind::other);
    if (is_new) {
      const run::elf_file o(file.c_str());
      if (o.is_shim()) {
        at->second = kind::recorder;
      } else if (o.exports("C_GetFunctionList") || o.exports("C_GetInterface")) {
        at->second = kind::module;
      }
    }
    return at->second;
  }

 private:
  std::map<std::pair<::dev_t, ::ino_t>, kind> known_;
};

void look_at(int pid, const std::string& program, judge& files, std::vector<found_module>& all) {
  const auto first = all.size();
  for (const auto& m : mapped_objects(pid)) {
    const auto kind = files.of(pid, m.path);
    if (kind == judge::kind::other) continue;
    found_module f;
    f.pid = pid;
    f.user = user_of(pid);
    f.program = std::filesystem::path(program).filename().string();
    f.path = m.path;
    f.deleted = m.deleted;
    f.recorder = kind == judge::kind::recorder;
    all.push_back(std::move(f));
  }
  if (all.size() == first) return;
  for (const auto& t : written_tapes(pid)) {
    const auto module = t.reader->property("module.path");
    for (auto i = first; i < all.size(); ++i)
      if (all[i].recorder ? t.reader->property("shim") == all[i].path : module == all[i].path) all[i].tape = t.path;
  }
}

void append_text(const std::vector<found_module>& all, std::string& out) {
  if (all.empty()) {
    out += "No process has a PKCS#11 module mapped.\n";
    return;
  }
  std::size_t users = 4, programs = 7;
  for (const auto& f : all) {
    users = std::max(users, f.user.size());
    programs = std::max(programs, std::min<std::size_t>(f.program.size(), 20));
  }
  const auto padded = [&](std::string_view text, std::size_t width) {
    std::string safe;
    render::append_safe(text, safe);
    safe.resize(std::max(width, safe.size()), ' ');
    out += safe + "  ";
  };
  out += "    PID  ";
  padded("USER", users);
  padded("PROGRAM", programs);
  out += "STATE         MODULE\n";
  for (const auto& f : all) {
    char pid[16];
    std::snprintf(pid, sizeof pid, "%7d  ", f.pid);
    out += pid;
    padded(f.user, users);
    padded(f.program, programs);
    padded(f.state(), 12);
    render::append_safe(f.path, out);
    if (f.deleted) out += " (deleted)";
    if (!f.tape.empty()) {
      out += "  tape ";
      render::append_safe(f.tape, out);
    }
    out += '\n';
  }
}

void append_json(const std::vector<found_module>& all, std::string& out) {
  for (const auto& f : all) {
    text::json_writer json(out);
    json.begin_object();
    json.field("pid", static_cast<std::uint64_t>(f.pid));
    json.field("user", f.user);
    json.field("program", f.program);
    json.field("module", f.path);
    json.field("state", f.state());
    json.field("deleted", f.deleted);
    if (!f.tape.empty()) json.field("tape", f.tape);
    json.end_object();
    json.end_line();
  }
}

int inventory(bool json) {
  std::vector<found_module> all;
  judge files;
  const auto hidden = for_each_process([&](int pid, const std::string& program) { look_at(pid, program, files, all); });
  output out;
  json ? append_json(all, out.text()) : append_text(all, out.text());
  out.flush();
  report_hidden_processes(hidden);
  return out.error() == 0 ? exit_fine : exit_unusable;
}

}  // namespace

void add_inventory(CLI::App& app, status& result) {
  auto* command =
      app.add_subcommand("inventory", "List the processes that have a PKCS#11 module mapped, recorded or not");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "One JSON object a line");
  command->footer(
      "Everything comes from /proc: no process is asked or stopped.\n"
      "Example:\n"
      "  p11tape inventory\n"
      "Exit status: 0; 64 for wrong usage.");
  command->callback([json, &result] { result = inventory(*json); });
}

}  // namespace p11tape::cli
