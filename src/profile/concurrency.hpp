// SPDX-License-Identifier: Apache-2.0
// Concurrency: does a call take longer when others are in flight, and what does calling at the same time bring?
//
// For each function: its durations by how many calls the process had in the module when the call began, itself
// included. A module that does one thing at a time lets two calls take twice as long as one; one that works in parallel
// lets them take no longer. So the gain of a crowd of n is n times the median alone, divided by the median in the
// crowd: 1 means that the calls only wait for each other, n that they do not at all.
#pragma once

#include <array>
#include <memory>

#include "profile/call_stats.hpp"

namespace p11tape::profile {

/// Calls that began with so many in flight.
struct crowd_level {
  u64 calls = 0, in_flight = 0;  ///< in_flight: the sum over the calls
  model::histogram durations;
};

/// What is said of one function.
struct concurrency_finding {
  cryptoki::function which = model::unknown_function;
  std::size_t level = 0;
  u64 alone = 0, crowded = 0;  ///< medians in ns
  double in_flight = 0;        ///< on average, in that level
  double gain = 0;
  u64 waited = 0;  ///< ns that calls took longer than the median alone, over all crowds
  bool one_at_a_time() const noexcept { return gain < 1.4; }
  bool in_parallel() const noexcept { return gain > 0.75 * in_flight; }
};

class concurrency {
 public:
  static constexpr std::size_t levels = 6;
  static constexpr std::array<const char*, levels> names = {"alone", "2", "3 to 4", "5 to 8", "9 to 16", "17 or more"};
  using by_level = std::array<crowd_level, levels>;

  void see(const call_context& now);

  u64 most_in_flight() const noexcept { return most_; }
  call_number most_in() const noexcept { return most_in_; }
  u64 overlapping() const noexcept { return overlapping_; }  ///< calls that began while another was in flight

  /// nullptr where the function was not called.
  const by_level* of(cryptoki::function f) const noexcept { return functions_[static_cast<std::size_t>(f)].get(); }

  /// The functions whose calls met often enough, and whose duration alone is known; those that waited most first.
  std::vector<concurrency_finding> findings() const;

 private:
  static constexpr u64 most_counted = 256;
  std::array<std::unique_ptr<by_level>, cryptoki::function_count + 1> functions_;
  u64 most_ = 0, overlapping_ = 0;
  call_number most_in_;
};

}  // namespace p11tape::profile
