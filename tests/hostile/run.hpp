// SPDX-License-Identifier: Apache-2.0
// A command of the program, and what it cost.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace p11tape::test {

struct cost {
  int status = 0;            ///< of exit; 128 + signal
  double seconds = 0;        ///< of the CPU
  std::uint64_t memory = 0;  ///< bytes, resident at most
  std::uint64_t output = 0;  ///< bytes on stdout and stderr
  bool clean = true;         ///< no byte of the output is for a terminal's ears
};

cost run(const std::vector<std::string>& command);

}  // namespace p11tape::test
