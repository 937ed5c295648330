// SPDX-License-Identifier: Apache-2.0
// The figures as people and machines want to read them, and how they stand against what was promised.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/rounds.hpp"

namespace p11tape::bench {

/// One promise, as a ratio or a figure of this very run.
struct target {
  std::string what;
  double is;
  double wanted;
  bool at_least;  ///< `wanted` is a minimum; else a maximum
  bool met() const { return at_least ? is >= wanted : is <= wanted; }
};

/// Those that could be measured.
std::vector<target> targets(const results& r);

/// Tables in Markdown.
std::string as_text(const results& r);

nlohmann::json as_json(const results& r);

}  // namespace p11tape::bench
