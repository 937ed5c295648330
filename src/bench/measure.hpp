// SPDX-License-Identifier: Apache-2.0
// One process's measurements. The recorder reads its environment once a process, so that each kind of recording is
// measured in a process of its own.
#pragma once

#include <string>

#include "bench/figures.hpp"

namespace p11tape::bench {

/// Loads the module at `path` and measures every workload. Throws std::runtime_error where that cannot be done.
measured measure(const std::string& path, bool quick);

/// Calls C_Sign a thousand times and nothing else, for who wants to look at the tape.
void sign_only(const std::string& path);

/// How long it takes until the module at `path` has handed out its function list, in ns: loading it included.
double measure_start(const std::string& path);

}  // namespace p11tape::bench
