// SPDX-License-Identifier: Apache-2.0
// What each thread did when, in a bounded number of stretches: calls that lie close together become one.
//
// Time is cut into cells, and calls of one thread that begin in one cell are one stretch. When there are too many
// stretches the cells are made twice as wide, and what now shares a cell is joined. So nothing has to be known about
// the tape's length before, and long calls stay as they are.
#pragma once

#include <map>
#include <vector>

#include "profile/call_stats.hpp"

namespace p11tape::profile {

struct stretch {
  u64 start = 0, end = 0;  ///< CLOCK_MONOTONIC
  u64 calls = 0, failed = 0, busy = 0;
  cryptoki::function which = model::unknown_function;  ///< of its longest call
  u64 longest = 0;
};

class timeline {
 public:
  static constexpr std::size_t most_stretches = 12000, most_threads = 64;

  explicit timeline(std::size_t most = most_stretches) : most_(most) {}

  void see(const call_context& now);

  /// By thread; `none`: those beyond the first most_threads.
  const std::map<model::thread_number, std::vector<stretch>>& threads() const noexcept { return threads_; }
  u64 cell() const noexcept { return cell_; }

 private:
  void join(std::vector<stretch>& all) const;

  std::map<model::thread_number, std::vector<stretch>> threads_;
  std::vector<stretch>* last_ = nullptr;
  model::thread_number last_thread_;
  std::size_t stretches_ = 0, most_;
  u64 cell_ = 1024;
};

}  // namespace p11tape::profile
