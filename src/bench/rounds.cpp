// SPDX-License-Identifier: Apache-2.0
#include "bench/rounds.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "p11tape/tape.hpp"

namespace p11tape::bench {
namespace {

namespace fs = std::filesystem;

/// A folder of its own, removed in the end.
class temporary_folder {
 public:
  explicit temporary_folder(const fs::path& parent) {
    auto name = (parent / "p11tape-bench.XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot create a directory like " + name);
    path = name;
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  fs::path path;
};

void surround(const surroundings& s, const variant& v, const fs::path& folder) {
  setenv("P11TAPE_MODULE", s.module.c_str(), 1);
  setenv("PKCS11SPY", s.module.c_str(), 1);
  for (const auto& [name, value] : v.environment) {
    auto text = value;
    if (const auto at = text.find('@'); at != std::string::npos) text.replace(at, 1, folder.string());
    setenv(name.c_str(), text.c_str(), 1);
  }
}

// Runs this program again, as one who measures, and gives what it printed.
std::string run_child(const surroundings& s, const variant& v, const fs::path& folder, const char* task) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child == 0) {
    surround(s, v, folder);
    dup2(ends[1], STDOUT_FILENO);
    execl(s.program.c_str(), s.program.c_str(), task, v.loads.c_str(), s.quick ? "--quick" : nullptr, nullptr);
    _exit(127);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0)
    throw std::runtime_error("measuring \"" + v.name + "\" failed with status " + std::to_string(status));
  return text;
}

const fs::path& folder_of(const surroundings& s, storage where) { return where == storage::memory ? s.memory : s.disk; }

bool has_output(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() != ".p11tape") return true;
  return false;
}

// The mean size of ENTER and LEAVE of a C_Sign.
double sign_bytes(const surroundings& s, const variant& v) {
  const temporary_folder folder(folder_of(s, v.where));
  run_child(s, v, folder.path, "--sign-only");
  double bytes = 0, calls = 0;
  for (const auto& entry : fs::directory_iterator(folder.path)) {
    const tape::reader tape(entry.path().string());
    for (std::size_t t = 0; t < tape.threads().size(); ++t) {
      tape::record_view r;
      for (auto c = tape.records(t); c.next(r);) {
        const auto* f = tape.rows().function(r.function);
        if (f == nullptr || f->name != "C_Sign") continue;
        bytes += static_cast<double>(sizeof(tape::record_header) + r.body.size());
        calls += r.kind == tape::record_kind::enter ? 1 : 0;
      }
    }
  }
  return calls > 0 ? bytes / calls : 0;
}

double start_of(const surroundings& s, const variant& v) {
  std::vector<double> times;
  for (int i = 0; i < (s.quick ? 3 : 21); ++i) {
    const temporary_folder folder(folder_of(s, v.where));
    times.push_back(std::stod(run_child(s, v, folder.path, "--measure-start")));
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace

std::vector<variant> variants(const surroundings& s) {
  const auto dir = std::pair<std::string, std::string>{"P11TAPE_DIR", "@"};
  std::vector<variant> all{
      {direct_name, s.module, storage::none, {}},
      {tape_name, s.shim, storage::disk, {dir}},
      {memory_name, s.shim, storage::memory, {dir}},
      {"profile strict", s.shim, storage::disk, {dir, {"P11TAPE_PROFILE", "strict"}}},
      {"profile payload", s.shim, storage::disk, {dir, {"P11TAPE_PROFILE", "payload"}}},
      {off_name, s.shim, storage::disk, {dir, {"P11TAPE_OFF", "1"}}},
      {log_name, s.shim, storage::disk, {dir, {"P11TAPE_LOG", "@/log"}}, true},
      {spy_name, s.spy, storage::disk, {{"PKCS11SPY_OUTPUT", "@/spy"}}},
  };
  std::erase_if(all,
                [&](const variant& v) { return v.loads.empty() || (v.where == storage::memory && s.memory.empty()); });
  return all;
}

const measured* results::find(std::string_view name) const {
  for (const auto& v : variants)
    if (v.name == name) return &v.figures;
  return nullptr;
}

results run_rounds(const surroundings& s) {
  results all;
  const auto wanted = variants(s);
  for (int round = 0; round < s.rounds; ++round) {
    for (const auto& v : wanted) {
      const temporary_folder folder(folder_of(s, v.where));
      const auto figures = nlohmann::json::parse(run_child(s, v, folder.path, "--measure")).get<measured>();
      if (v.needs_output && !has_output(folder.path)) continue;
      const auto known =
          std::find_if(all.variants.begin(), all.variants.end(), [&](const result& r) { return r.name == v.name; });
      if (known == all.variants.end()) {
        all.variants.push_back({v.name, figures});
      } else {
        keep_better(known->figures, figures);
      }
    }
  }
  all.tape_bytes = sign_bytes(s, wanted[1]);
  all.start_direct = start_of(s, wanted[0]);
  all.start_recorded = start_of(s, wanted[1]);
  return all;
}

}  // namespace p11tape::bench
