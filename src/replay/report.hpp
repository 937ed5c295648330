// SPDX-License-Identifier: Apache-2.0
// What `replay` says when it is through: the first divergence first.
#pragma once

#include <string>

#include "replay/replay.hpp"

namespace p11tape::replay {

/// How it ended, in one word.
enum class verdict : std::uint8_t {
  same,        ///< every call that was made answered as on the tape
  reproduced,  ///< so did they, and the module died or hung in the call in which the tape ends
  diverged,
  stopped,  ///< before a call that needs a PIN
  failed,   ///< it could not begin or go on
};

struct replay_report {
  const replay::plan* plan = nullptr;
  const replay::settings* how = nullptr;
  const replay::results* results = nullptr;
  replay::ending ending;
  bool colour = false;

  verdict judge() const;
  std::string text() const;
  std::string json() const;
};

/// The exit status of a verdict.
int status_of(verdict v) noexcept;

/// Throughput and latencies of a load test.
std::string load_text(const replay::plan& p, const replay::results& r, tape::u64 parallel);
std::string load_json(const replay::plan& p, const replay::results& r, tape::u64 parallel);

/// The calls that a replay would make, and those that it would not, a line each.
std::string dry_run_text(const replay::plan& p);

}  // namespace p11tape::replay
