// SPDX-License-Identifier: Apache-2.0
// Who may go: a call may begin when all calls have ended that had ended on the tape when it began.
//
// The ends are numbered; the calls that ended before some moment are the first N of them. So one number, how many of
// the first ends have all happened, tells for every call whether it may begin.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "replay/plan.hpp"

namespace p11tape::replay {

class end_order {
 public:
  explicit end_order(std::size_t ends) : ended_(ends) {}

  /// Waits until the first `needs` ends have happened. False when the replay stops before.
  bool wait_for(u32 needs) {
    std::unique_lock hold(guard_);
    changed_.wait(hold, [&] { return stopped_ || first_ >= needs; });
    return !stopped_;
  }

  /// Waits until the moment of that clock. False when the replay stops before.
  template <class Moment>
  bool wait_until(Moment moment) {
    std::unique_lock hold(guard_);
    return !changed_.wait_until(hold, moment, [&] { return stopped_; });
  }

  /// The end with this rank has happened, or will not.
  void end(u32 rank) {
    if (rank == no_thing) return;
    const std::lock_guard hold(guard_);
    ended_[rank] = true;
    const auto before = first_;
    while (first_ < ended_.size() && ended_[first_]) ++first_;
    if (first_ != before) changed_.notify_all();
  }

  void stop() {
    const std::lock_guard hold(guard_);
    stopped_ = true;
    changed_.notify_all();
  }
  bool stopped() const {
    const std::lock_guard hold(guard_);
    return stopped_;
  }

 private:
  mutable std::mutex guard_;
  std::condition_variable changed_;
  std::vector<bool> ended_;
  std::size_t first_ = 0;
  bool stopped_ = false;
};

}  // namespace p11tape::replay
