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

/// Runs one workload for a long time: `bytes` of tape a call are expected. The module itself is measured with 0.
/// `growing_only`: while the file grows, and not afterwards.
long_run run_long(const std::string& path, const std::string& workload, double bytes, bool quick, bool growing_only);

/// How long it takes until the module at `path` has handed out its function list, in ns: loading it included.
double measure_start(const std::string& path);

}  // namespace p11tape::bench
