// SPDX-License-Identifier: Apache-2.0
// p11tape-bench: what recording costs. Everything is measured in one run, so that the ratios mean something on any
// machine; the figures themselves mean little on another one.
#include <linux/magic.h>
#include <sys/vfs.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "bench/measure.hpp"
#include "bench/report.hpp"
#include "bench/rounds.hpp"

namespace {

namespace fs = std::filesystem;
using namespace p11tape::bench;

bool is_tmpfs(const fs::path& path) {
  struct statfs about {};
  return statfs(path.c_str(), &about) == 0 && about.f_type == TMPFS_MAGIC;
}

int compare(const surroundings& s, bool json, bool check) {
  for (const auto* needed : {&s.shim, &s.module})
    if (!fs::exists(*needed)) {
      std::fprintf(stderr, "p11tape-bench: %s: does not exist (build it, or name another with --shim or --module)\n",
                   needed->c_str());
      return 2;
    }
  const auto r = run_rounds(s);
  std::fputs((json ? as_json(r).dump(2) + "\n" : as_text(r)).c_str(), stdout);
  if (check)
    for (const auto& t : targets(r))
      if (!t.met()) return 1;
  return 0;
}

int run(int argc, char** argv) {
  surroundings s;
  s.program = fs::read_symlink("/proc/self/exe").string();
  const auto lib = fs::path(s.program).parent_path().parent_path() / "lib";
  s.shim = (lib / "p11tape.so").string();
  s.module = (lib / "mock" / "p11tape-null.so").string();
  s.spy = "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so";
  s.disk = "/var/tmp";
  s.memory = "/dev/shm";
  bool json = false, check = false, growing_only = false;
  std::string measured_path, started_path, few_path, long_path, workload;
  double bytes = 0;

  CLI::App app(
      "Measure what recording costs: an empty module directly, through p11tape.so in each mode, and through\n"
      "pkcs11-spy if it is installed. Takes five to six minutes.");
  app.add_flag("--json", json, "Output as JSON");
  app.add_flag("--check", check, "Exit with 1 if a target is missed");
  app.add_flag("--quick", s.quick, "Short run with unreliable figures");
  app.add_option("--rounds", s.rounds, "Number of measurements; the best of each figure is used")
      ->check(CLI::Range(1, 100));
  app.add_option("--shim", s.shim, "Recorder (p11tape.so) to measure");
  app.add_option("--module", s.module, "Module to forward to, whose functions return immediately");
  app.add_option("--spy", s.spy, "pkcs11-spy.so to compare with");
  app.add_option("--disk", s.disk, "Directory on a disk, for the tapes");
  app.add_option("--tmpfs", s.memory, "Directory on a tmpfs, for the tapes");
  app.add_option("--measure", measured_path)->group("");
  app.add_option("--measure-start", started_path)->group("");
  app.add_option("--few-calls", few_path)->group("");
  app.add_option("--long-run", long_path)->group("");
  app.add_flag("--growing", growing_only)->group("");
  app.add_option("--workload", workload)->group("");
  app.add_option("--bytes", bytes)->group("");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 64;
  }

  if (!started_path.empty()) {
    std::printf("%.0f\n", measure_start(started_path));
    return 0;
  }
  if (!few_path.empty()) {
    few_calls(few_path, workload);
    return 0;
  }
  if (!long_path.empty()) {
    std::puts(nlohmann::json(run_long(long_path, workload, {bytes, s.quick, growing_only})).dump().c_str());
    return 0;
  }
  if (!measured_path.empty()) {
    std::puts(nlohmann::json(measure(measured_path, s.quick)).dump().c_str());
    return 0;
  }
  if (s.quick) s.rounds = 1;
  if (!fs::exists(s.spy)) s.spy.clear();
  if (!is_tmpfs(s.memory)) s.memory.clear();
  return compare(s, json, check);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "p11tape-bench: %s\n", e.what());
    return 2;
  }
}
