// SPDX-License-Identifier: Apache-2.0
// Trials on damaged tapes: copies of tapes that are given, or of one that holds a call of every function.
#pragma once

#include <functional>
#include <random>
#include <string>

#include "trials.hpp"

namespace p11tape::fuzz {

/// One trial on a damaged tape, which can be opened by the name `path`. An answer other than "" is what was wrong.
using tape_trial = std::function<std::string(const std::string& path, std::mt19937_64& random)>;

struct tape_fuzzer {
  const char* help;
  const char* profile;  ///< of the tape that is made where none is given
  /// Runs first in each child process.
  std::function<void(const options& o, const std::string& path)> prepare = [](const options&, const std::string&) {};
  tape_trial trial;
};

/// 0; 1 with a message for people; 2 where there is no tape to begin with.
int run_on_tapes(int argc, char** argv, const tape_fuzzer& what);

}  // namespace p11tape::fuzz
