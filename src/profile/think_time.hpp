// SPDX-License-Identifier: Apache-2.0
// The time that the client spends between its calls: of each thread, from the end of one call to the beginning of the
// next.
#pragma once

#include <array>
#include <vector>

#include "profile/call_stats.hpp"

namespace p11tape::profile {

struct pause {
  u64 time = 0;        ///< ns
  call_number before;  ///< the call that came after it
  cryptoki::function which = model::unknown_function;
};

class between {
 public:
  void see(const call_context& now);

  const model::histogram& pauses() const noexcept { return pauses_; }
  /// The widest first.
  const std::vector<pause>& widest() const noexcept { return widest_; }
  /// Before calls of that function.
  u64 time_before(cryptoki::function f) const noexcept { return before_[static_cast<std::size_t>(f)]; }

 private:
  static constexpr std::size_t most = 10;
  model::recent_map<model::thread_number, u64> last_end_;  // 0 before its first call
  model::histogram pauses_;
  std::vector<pause> widest_;
  std::array<u64, cryptoki::function_count + 1> before_{};
};

}  // namespace p11tape::profile
