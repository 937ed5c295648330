// SPDX-License-Identifier: Apache-2.0
// One process's measurements. The recorder reads its environment once a process, so that each kind of recording is
// measured in a process of its own.
#pragma once

#include <string>

#include "bench/figures.hpp"

namespace p11tape::bench {

/// Loads the module at `path` and measures every workload. Throws std::runtime_error where that cannot be done.
measured measure(const std::string& path, bool quick);

/// Makes 2,000 calls of one workload and nothing else, to look at the tape.
void few_calls(const std::string& path, const std::string& workload);

struct long_options {
  double bytes = 0;           ///< of tape that a call is expected to take; 0: the module itself is measured
  bool quick = false;         ///< a tenth of the file, a second of the time
  bool growing_only = false;  ///< while the file grows, and not afterwards
};

/// Runs one workload for a long time.
long_run run_long(const std::string& path, const std::string& workload, const long_options& how);

/// How long it takes until the module at `path` has handed out its function list, in ns: loading it included.
double measure_start(const std::string& path);

}  // namespace p11tape::bench
