// SPDX-License-Identifier: Apache-2.0
// The calls of one or several tapes, merged in the order in which they began. Each tape's calls are numbered from 1,
// so that a call has the same number whatever is read beside it.
//
// Memory is bounded by the number of threads. Times of tapes that were recorded under the same boot are compared by
// their monotonic clocks, which nobody sets; those of different boots by the wall clock at which each boot's first tape
// began.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/call.hpp"
#include "model/thread_calls.hpp"

namespace p11tape::model {

class call_stream {
 public:
  /// The readers must outlive the stream and its calls.
  explicit call_stream(std::span<const tape::reader* const> tapes);
  /// Without bodies, calls have numbers and beginnings, and nothing else that means anything.
  explicit call_stream(const tape::reader& tape, tape::record_bodies bodies = tape::record_bodies::handed_out);

  /// The next call, or nullptr at the end. It stays as it is until the next call of next(); a copy of it stays for
  /// good.
  const call* next();

 private:
  // One thread of one tape, with its next call read ahead.
  struct lane {
    thread_calls calls;
    tape::u64 offset;   // from the tape's monotonic clock to a clock that all tapes share
    std::size_t order;  // settles ties
    call head;
    tape::u64 key = 0;

    bool advance() {
      if (!calls.next(head)) return false;
      key = head.start() + offset;
      return true;
    }
  };

  void add(const tape::reader& tape, std::size_t index, tape::record_bodies bodies);
  static bool later(const lane* a, const lane* b) noexcept;

  std::map<std::string, tape::u64, std::less<>> boots_;  // a boot's id -> offset of its first tape
  std::vector<std::unique_ptr<lane>> lanes_;
  std::vector<lane*> heap_;
  lane* current_ = nullptr;        // whose call is handed out just now
  std::vector<tape::u64> counts_;  // calls so far, by tape
};

}  // namespace p11tape::model
