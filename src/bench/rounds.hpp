// SPDX-License-Identifier: Apache-2.0
// What stands between application and module in a measurement, and the processes that measure it.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/figures.hpp"

namespace p11tape::bench {

struct surroundings {
  std::string program;  ///< this one, to run again
  std::string shim;
  std::string module;  ///< whose functions return at once
  std::string spy;     ///< OpenSC's pkcs11-spy; empty: not installed
  std::filesystem::path disk;
  std::filesystem::path memory;  ///< a tmpfs; empty: there is none
  bool quick = false;
  int rounds = 5;
};

enum class storage { none, disk, memory };

struct variant {
  std::string name;
  std::string loads;  ///< path of what the application loads
  storage where = storage::none;
  std::vector<std::pair<std::string, std::string>> environment;  ///< "@" in a value stands for the folder
  bool needs_output = false;  ///< left out where it writes nothing of its own besides a tape
};

inline constexpr const char* direct_name = "the module itself";
inline constexpr const char* tape_name = "p11tape";
inline constexpr const char* memory_name = "p11tape, tmpfs";
inline constexpr const char* off_name = "recording off";
inline constexpr const char* log_name = "live log";
inline constexpr const char* spy_name = "pkcs11-spy";

/// The workloads of long runs: what tapes are mostly made of.
inline constexpr const char* long_workloads[] = {"C_GetSessionInfo", "C_Sign", "C_FindObjectsInit",
                                                 "C_GetAttributeValue x3"};

std::vector<variant> variants(const surroundings& s);

struct result {
  std::string name;
  measured figures;
};

struct results {
  std::vector<result> variants;                       ///< those that could be measured, in order
  std::map<std::string, long_run, std::less<>> runs;  ///< by workload: what recording adds, and its bytes
  std::string clock_source;                           ///< the kernel's
  double start_direct = 0, start_recorded = 0;        ///< ns

  const measured* find(std::string_view name) const;
};

/// Runs all variants, round by round, so that a change in the machine's mood meets all of them.
/// Throws std::runtime_error where a child fails.
results run_rounds(const surroundings& s);

}  // namespace p11tape::bench
