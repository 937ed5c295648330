// SPDX-License-Identifier: Apache-2.0
// Which calls the page lists: all of them, or, of too many, those around findings, those that failed, the slowest, and the
// first and last of each tape.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/call.hpp"
#include "report/report.hpp"

namespace p11tape::report {

class call_choice {
 public:
  using u64 = tape::u64;

  explicit call_choice(const source& from);

  /// To be asked once for each call, in the order of a call_stream.
  bool wants(const model::call& c);

  /// (index of the tape, call) -> "P12 P9": the findings whose evidence it is.
  const std::map<std::pair<std::size_t, model::call_number>, std::string>& marks() const noexcept { return marks_; }

 private:
  struct range {  // of numbers of calls
    u64 first, last;
    static range around(model::call_number call, u64 others) noexcept {
      const auto n = call.value();
      return {n > others ? n - others : 1, n + others};
    }
  };
  struct of_tape {
    std::vector<range> ranges;  // in order, apart from each other
    std::size_t at = 0;
  };

  void mark(const diagnose::finding& f, std::vector<std::vector<range>>& into);

  bool all_ = false;
  std::size_t failures_left_ = 0;
  std::vector<of_tape> tapes_;
  std::map<std::pair<std::size_t, model::call_number>, std::string> marks_;
};

}  // namespace p11tape::report
