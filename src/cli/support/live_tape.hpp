// SPDX-License-Identifier: Apache-2.0
// What a growing tape adds up to: counted as it grows, nothing is kept but the calls in flight.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "p11tape/tape.hpp"

namespace p11tape::cli {

class live_tape {
 public:
  using u64 = tape::u64;

  struct counts {
    u64 calls = 0, failed = 0;
    u64 logins = 0, failed_logins = 0;
  };
  struct flying {
    std::string function;
    u64 start = 0;  ///< CLOCK_MONOTONIC
  };

  explicit live_tape(std::unique_ptr<tape::reader> reader);

  /// Reads what has been added since. Throws tape::tape_error where the tape is gone.
  void look();

  const tape::reader& reader() const noexcept { return *reader_; }
  const counts& so_far() const noexcept { return counts_; }
  /// The oldest first; of calls inside another one the outermost.
  const std::vector<flying>& in_flight() const noexcept { return in_flight_; }

 private:
  struct thread {
    tape::cursor cursor;
    tape::thread_info info;
  };
  void count(const tape::record_view& leave);

  std::unique_ptr<tape::reader> reader_;
  std::vector<thread> threads_;
  counts counts_;
  std::vector<flying> in_flight_;
};

}  // namespace p11tape::cli
