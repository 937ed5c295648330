// SPDX-License-Identifier: Apache-2.0
#include "bench/rounds.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "p11tape/tape.hpp"

namespace p11tape::bench {
namespace {

namespace fs = std::filesystem;

constexpr int growing_files = 3;

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
std::string run_child(const surroundings& s, const variant& v, const fs::path& folder, const char* task,
                      const std::vector<std::string>& more = {}) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child == 0) {
    surround(s, v, folder);
    dup2(ends[1], STDOUT_FILENO);
    std::vector<const char*> words{s.program.c_str(), task, v.loads.c_str()};
    for (const auto& word : more) words.push_back(word.c_str());
    if (s.quick) words.push_back("--quick");
    words.push_back(nullptr);
    execv(s.program.c_str(), const_cast<char**>(words.data()));
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

template <class T>
T number_at(const std::string& bytes, std::size_t at) {
  T value{};
  if (at + sizeof value <= bytes.size()) std::memcpy(&value, bytes.data() + at, sizeof value);
  return tape::le(value);
}

// The mean size of the records of a function, as they lie in the files of a directory.
double bytes_of(const fs::path& folder, std::string_view function) {
  double bytes = 0, calls = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const tape::reader tape(entry.path().string());
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string all{std::istreambuf_iterator<char>(file), {}};
    for (auto at = tape.header().data_offset; at < all.size();) {
      const auto size = number_at<tape::u32>(all, at + offsetof(tape::chunk_header, size));
      if (number_at<tape::u32>(all, at) != tape::chunk_magic || size == 0) {
        at += tape::unit;
        continue;
      }
      const auto kind = number_at<tape::u16>(all, at + offsetof(tape::chunk_header, kind));
      const auto end = at + number_at<tape::u64>(all, at + offsetof(tape::chunk_header, committed));
      for (auto r = at + sizeof(tape::chunk_header); kind <= 2 && r + sizeof(tape::record_header) <= end;) {
        const auto record = tape::size_of(number_at<tape::u32>(all, r));
        if (record == 0) break;
        const auto* f = tape.rows().function(number_at<tape::u16>(all, r + offsetof(tape::record_header, function)));
        if (f != nullptr && f->name == function) {
          bytes += record;
          calls += all[r + offsetof(tape::record_header, kind)] != static_cast<char>(tape::record_kind::leave);
        }
        r += record;
      }
      at += size;
    }
  }
  return calls > 0 ? bytes / calls : 0;
}

// What recording adds to a workload over a long run. A run of a minute is one run; a file that grows takes seconds, and what
// disturbs it makes it longer, so that the best of several counts.
long_run run_of(const surroundings& s, const variant& direct, const variant& v, std::string_view workload) {
  const std::string name(workload);
  const auto at = folder_of(s, v.where);
  const temporary_folder few(at), long_folder(at), none(at);
  run_child(s, v, few.path, "--few-calls", {"--workload", name});
  const double bytes = bytes_of(few.path, workload.substr(0, workload.find(' ')));
  const auto read = [](const std::string& text) { return nlohmann::json::parse(text).get<long_run>(); };
  const auto own = read(run_child(s, direct, none.path, "--long-run", {"--workload", name, "--bytes", "0"}));
  const std::vector<std::string> what{"--workload", name, "--bytes", std::to_string(bytes)};
  auto r = read(run_child(s, v, long_folder.path, "--long-run", what));
  auto growing_only = what;
  growing_only.emplace_back("--growing");
  for (int file = 1; file < growing_files; ++file) {
    const temporary_folder folder(at);
    const auto next = read(run_child(s, v, folder.path, "--long-run", growing_only));
    r.growing = std::min(r.growing, next.growing);
    r.floor = std::min(r.floor, next.floor);
  }
  r.growing -= own.growing;
  r.recycled -= own.recycled;
  return r;
}

std::string kernel_clock_source() {
  std::ifstream file("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  std::string name;
  file >> name;
  return name.empty() ? "not known" : name;
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
  for (const auto* name : long_workloads) all.runs.emplace(name, run_of(s, wanted[0], wanted[1], name));
  all.clock_source = kernel_clock_source();
  all.start_direct = start_of(s, wanted[0]);
  all.start_recorded = start_of(s, wanted[1]);
  return all;
}

}  // namespace p11tape::bench
