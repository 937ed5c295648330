// SPDX-License-Identifier: Apache-2.0
// Trials with a number each, in child processes: a trial that crashes, hangs or says that something is wrong ends the
// run with the words that repeat it.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace p11tape::fuzz {

struct options {
  std::uint64_t seed = 0;
  unsigned seconds = 600;
  bool single = false;  ///< only the trial `seed`
  std::vector<std::string> files;
};

/// --seconds N, --seed N, --only N, and file names. Ends the program with 64 where it does not understand.
options parse(int argc, char** argv, const char* help);

/// One trial. An answer other than "" is what was wrong.
using trial = std::function<std::string(std::mt19937_64& random)>;

/// Runs trials until the time is up, some hundred to a child process. `prepare` runs first in each child.
/// 0, or 1 with a message for people.
int run(const options& o, const char* program, const std::function<void()>& prepare, const trial& t);

}  // namespace p11tape::fuzz
