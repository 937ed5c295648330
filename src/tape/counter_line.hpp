// SPDX-License-Identifier: Apache-2.0
// From the CPU's counter to CLOCK_MONOTONIC: one line, made of straight pieces, for a whole tape. It never decreases, so
// that the order of the counter is the order of the times, whichever thread or chunk they come from.
#pragma once

#include <vector>

#include "p11tape/layout.hpp"

namespace p11tape::tape {

class counter_line {
 public:
  void clear() { pieces_.clear(); }

  /// A moment at which both clocks were read. Pairs may come in any order.
  void add(u64 counter, u64 monotonic) {
    if (counter != 0) pieces_.push_back({counter, monotonic, 0});
  }

  /// After the last pair: makes the line.
  void finish();

  bool empty() const noexcept { return pieces_.empty(); }

  /// CLOCK_MONOTONIC in ns at a value of the counter. `hint` makes neighbouring values fast; 0 at first.
  u64 at(u64 counter, std::size_t& hint) const noexcept;

 private:
  struct piece {
    u64 counter, monotonic;
    u64 rate;  // ns for each tick from here to the next piece, in 2^-shift
  };
  static constexpr int shift = 48;

  std::vector<piece> pieces_;
};

}  // namespace p11tape::tape
