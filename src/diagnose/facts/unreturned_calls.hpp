// SPDX-License-Identifier: Apache-2.0
// Calls that never returned, and whether the rest of the process went on without them.
#pragma once

#include <algorithm>
#include <vector>

#include "model/state.hpp"

namespace p11tape::diagnose {

using model::call_context;
using model::call_number;
using model::none;
using model::u64;

struct unreturned_call {
  call_number call;
  model::thread_number thread;
  u64 wall = 0;
  cryptoki::function which = model::unknown_function;
  tape::call_state state = tape::call_state::in_flight;
  u64 others_went_on = 0;  ///< ns that other threads of the tape went on after it had begun
};

class unreturned_calls {
 public:
  void see(const call_context& now) {
    const auto& c = *now.call;
    last_end_ = std::max(last_end_, now.ended ? c.leave.time : c.start());
    if (!now.ended && all_.size() < most)
      all_.push_back({c.number, c.thread.number, c.start_wall(), now.which, c.state, 0});
  }

  void finish(const model::recorded_process& in) {
    for (auto& u : all_)
      for (const auto& f : in.flights)
        if (f.call == u.call) u.others_went_on = f.start < last_end_ ? last_end_ - f.start : 0;
  }

  /// The first few hundred.
  const std::vector<unreturned_call>& all() const noexcept { return all_; }

 private:
  static constexpr std::size_t most = 256;
  std::vector<unreturned_call> all_;
  u64 last_end_ = 0;  // CLOCK_MONOTONIC
};

}  // namespace p11tape::diagnose
