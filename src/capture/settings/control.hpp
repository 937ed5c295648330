// SPDX-License-Identifier: Apache-2.0
// The control file: a word in it turns recording on and off while the program runs.
//
// It is looked at by whoever makes a call, at most once a second, with one stat; it is read only where that shows a
// change. No thread and no watch is needed for it, and nothing happens in a process that makes no calls.
#pragma once

#include <atomic>

#include "capture/settings/settings.hpp"

namespace p11tape::capture {

class control_file {
 public:
  /// Whether recording is wanted when the process begins to record; also looks at the file for the first time.
  bool first_look(const settings& s) noexcept;

  /// True for one caller a second: then it is time for look().
  bool is_due(u64 now) noexcept {
    u64 next = next_.load(std::memory_order_relaxed);
    return now >= next && next_.compare_exchange_strong(next, now + 1000000000, std::memory_order_acquire);
  }

  /// Whether recording is wanted. Only for whom is_due() answered true.
  bool look(const settings& s) noexcept;

 private:
  std::atomic<u64> next_{0};
  bool wanted_ = true;
  // The file as it was when it was read; inode 0: it was not there.
  u64 inode_ = 0;
  u64 size_ = 0;
  u64 changed_ = 0;
};

}  // namespace p11tape::capture
