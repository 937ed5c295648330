// SPDX-License-Identifier: Apache-2.0
// From the CPU's counter to CLOCK_MONOTONIC: one line, made of straight pieces, for a whole tape. It never decreases, so
// that the order of the counter is the order of the times, whichever thread or chunk they come from.
#pragma once

#include <vector>

#include "p11tape/layout.hpp"
#include "tape/wide.hpp"

namespace p11tape::tape {

class counter_line {
 public:
  void clear() { pieces_.clear(); }

  /// A moment at which both clocks were read. Pairs may come in any order.
  void add(u64 counter, u64 monotonic) {
    if (counter != 0) pieces_.push_back({counter, monotonic});
  }

  /// After the last pair: makes the line.
  void finish();

  bool empty() const noexcept { return pieces_.empty(); }

  /// CLOCK_MONOTONIC in ns at a value of the counter. `hint` makes neighbouring values fast; 0 at first.
  u64 at(u64 counter, std::size_t& hint) const noexcept {
    // Nearly always the piece of the value before.
    if (hint < pieces_.size() && counter - pieces_[hint].counter < pieces_[hint].ticks) [[likely]]
      return pieces_[hint].monotonic + distance(counter - pieces_[hint].counter, pieces_[hint].rate);
    return search(counter, hint);
  }

 private:
  struct piece {
    u64 counter, monotonic;
    u64 ticks = 0;  // from here to the next piece
    u64 rate = 0;   // ns for each of them, in 2^-shift
  };
  static constexpr int shift = 48;

  static u64 distance(u64 ticks, u64 rate) noexcept { return scaled(ticks, rate, shift, u64{1} << (shift - 1)); }
  u64 search(u64 counter, std::size_t& hint) const noexcept;

  std::vector<piece> pieces_;
};

}  // namespace p11tape::tape
