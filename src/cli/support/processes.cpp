// SPDX-License-Identifier: Apache-2.0
#include "cli/support/processes.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>

#include "run/elf_file.hpp"
#include "text/phrase.hpp"

namespace p11tape::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view tape_suffix = ".p11tape";
constexpr std::string_view deleted_suffix = " (deleted)";

std::string proc(int pid, const std::string& what) { return "/proc/" + std::to_string(pid) + "/" + what; }

std::string link_target(const std::string& path, int* error = nullptr) {
  char text[PATH_MAX];
  const auto n = ::readlink(path.c_str(), text, sizeof text);
  if (n < 0 && error != nullptr) *error = errno;
  return n < 0 ? std::string() : std::string(text, static_cast<std::size_t>(n));
}

bool drop_suffix(std::string& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.resize(text.size() - suffix.size());
  return true;
}

// The files that the process has mapped.
std::set<std::string> mapped_files(int pid) {
  std::set<std::string> files;
  std::ifstream maps(proc(pid, "maps"));
  for (std::string line; std::getline(maps, line);)
    if (const auto slash = line.find('/'); slash != std::string::npos) files.insert(line.substr(slash));
  return files;
}

void add_tape(std::vector<written_tape>& to, const std::string& path, const std::string& open_by, bool known) {
  if (std::any_of(to.begin(), to.end(), [&](const auto& t) { return t.path == path; })) return;
  if (known) {
    to.push_back({path, nullptr});
    return;
  }
  try {
    to.push_back({path, std::make_unique<tape::reader>(open_by)});
  } catch (const tape::tape_error&) {
    // No tape after all, or one that is being made just now.
  }
}

}  // namespace

std::vector<int> process_ids() {
  std::vector<int> ids;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const auto name = entry.path().filename().string();
    if (!name.empty() && name.find_first_not_of("0123456789") == std::string::npos) ids.push_back(std::stoi(name));
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::string program_path(int pid, bool& denied) {
  int error = 0;
  auto path = link_target(proc(pid, "exe"), &error);
  denied = error == EACCES || error == EPERM;
  drop_suffix(path, deleted_suffix);
  return path;
}

std::size_t for_each_process(const std::function<void(int pid, const std::string& program)>& each) {
  std::size_t hidden = 0;
  for (const int pid : process_ids()) {
    bool denied = false;
    const auto program = program_path(pid, denied);
    hidden += denied;
    if (!program.empty()) each(pid, program);
  }
  return hidden;
}

void report_hidden_processes(std::size_t count) {
  if (count == 0) return;
  // Who is root already may still lack the right to look, in a container.
  std::fprintf(stderr, "p11tape: %s not examined (%s)\n",
               text::counted(count, "process of another user was", "processes of other users were").c_str(),
               ::geteuid() == 0 ? "this needs the capability CAP_SYS_PTRACE" : "run as root");
}

std::vector<mapped_object> mapped_objects(int pid) {
  std::vector<mapped_object> all;
  for (auto path : mapped_files(pid)) {
    const bool deleted = drop_suffix(path, deleted_suffix);
    if (path.find(".so") != std::string::npos) all.push_back({path, deleted});
  }
  return all;
}

std::vector<std::string> loaded_shims(int pid) {
  std::vector<std::string> shims;
  for (auto path : mapped_files(pid)) {
    const bool deleted = drop_suffix(path, deleted_suffix);
    if (path.find(".so") == std::string::npos) continue;
    if (deleted) continue;  // what it was cannot be seen any more; its tape tells
    if (run::elf_file(proc(pid, "root" + path).c_str()).is_shim()) shims.push_back(path);
  }
  return shims;
}

std::vector<written_tape> written_tapes(int pid, const std::function<bool(const std::string& path)>& known) {
  std::vector<written_tape> tapes;
  const auto is_known = [&](const std::string& path) { return known && known(path); };
  std::error_code ignored;
  // By descriptor first: that leads to the file whatever has become of its name.
  for (const auto& entry : fs::directory_iterator(proc(pid, "fd"), ignored)) {
    auto path = link_target(entry.path());
    drop_suffix(path, deleted_suffix);
    if (path.ends_with(tape_suffix)) add_tape(tapes, path, entry.path(), is_known(path));
  }
  for (auto path : mapped_files(pid)) {
    const bool deleted = drop_suffix(path, deleted_suffix);
    if (!deleted && path.ends_with(tape_suffix)) add_tape(tapes, path, proc(pid, "root" + path), is_known(path));
  }
  // A child of fork has its parent's descriptors: what it writes itself names it.
  std::erase_if(tapes, [&](const written_tape& t) {
    if (!t.reader) return false;
    const auto writer = static_cast<int>(t.reader->header().pid);
    return writer != pid && is_running(writer) && mapped_files(writer).contains(t.path);
  });
  return tapes;
}

bool is_running(int pid) { return ::kill(pid, 0) == 0 || errno == EPERM; }

}  // namespace p11tape::cli
