// SPDX-License-Identifier: Apache-2.0
// What came of a replay, counted once for those who report it.
#pragma once

#include <string>
#include <vector>

#include "replay/report.hpp"

namespace p11tape::replay {

inline constexpr std::size_t no_step = ~std::size_t{0};

struct replay_counts {
  tape::u64 made = 0, prepared = 0, same = 0, diverged = 0, left_out = 0, no_result = 0, not_reached = 0, made_up = 0;
  std::size_t first = no_step;      ///< the first divergence
  std::size_t last = no_step;       ///< a call that did not return
  std::size_t needs_pin = no_step;  ///< where it stopped for want of a PIN
};

replay_counts count(const replay::plan& p, const replay::results& r);

/// Calls of one function that are left out for the same reason.
struct omission {
  std::string function, reason;
  const char* word;
  std::vector<model::call_number> calls;
};

std::vector<omission> omissions(const replay::plan& p, const replay::results& r);

bool was_made(replay::outcome o) noexcept;
std::string name_of(const replay::step& s);

/// "same", "diverged" ...
const char* word_of(verdict v) noexcept;

}  // namespace p11tape::replay
