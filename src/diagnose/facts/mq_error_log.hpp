// SPDX-License-Identifier: Apache-2.0
// IBM MQ's error log, AMQERR01.LOG, or its JSON form: when it said what.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace p11tape::diagnose {

struct amq_message {
  std::uint64_t wall = 0;     ///< ns since 1970
  bool only_seconds = false;  ///< the log told no fractions
  std::string code;           ///< "AMQ9669E"
  std::string text;           ///< its first line
  std::uint64_t pid = 0;      ///< 0 where the log does not tell
  std::string program;
  std::size_t line = 0;  ///< 1-based, of the header
};

/// All messages whose time can be read, sorted by time. Dates without a zone are local time; of 05/11/26 the reading
/// nearest to `near` (ns since 1970) is taken.
std::vector<amq_message> parse_amq_log(std::string_view text, std::uint64_t near);

}  // namespace p11tape::diagnose
