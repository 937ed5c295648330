// SPDX-License-Identifier: Apache-2.0
// Makes the calls of a plan, in the process that has the module. Part of replay().
#pragma once

#include "diff/compare.hpp"
#include "reencode/encode_as_recorder_would.hpp"
#include "replay/order.hpp"
#include "replay/replay.hpp"

namespace p11tape::replay {

/// One pass over the plan.
class runner {
 public:
  runner(const plan& p, const settings& how, const module& m, results& out);

  /// Makes all calls, and ends what they leave open. True where none of them differed from the tape.
  bool run();

 private:
  struct hand;  // what a thread works with

  void work(u32 lane);
  void make(hand& with, u32 index);
  bool ready(hand& with, u32 index);
  bool wait_for_pace(const step& s);
  void call(hand& with, u32 index);
  void adopt(const hand& with, u32 index, u64 value);
  void compare(hand& with, u32 index, u64 value);
  void drop_unset(hand& with, const step& s, const render::call_view& now, diff::differences& found);
  void leave_out(u32 index, const skip_reason& why);
  void break_operations(const step& s);
  void fail(const std::string& why);
  void begin();
  void finish();

  const plan& plan_;
  const settings& how_;
  const module& module_;
  results& out_;
  live_handles world_;
  reencode::encoding_room encoding_;
  end_order order_;
  std::vector<std::atomic<model::call_number>> broken_;  // by operation: the call that was not made as on the tape
  std::atomic<bool> diverged_{false}, initialised_{false};
  std::string told_;
  std::once_flag clock_started_;
  std::chrono::steady_clock::time_point clock_start_;
  u64 tape_start_ = 0;
};

}  // namespace p11tape::replay
