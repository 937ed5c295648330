// SPDX-License-Identifier: Apache-2.0
#include "model/tally.hpp"

#include <algorithm>

namespace p11tape::model {

function_tally tally::total() const noexcept {
  function_tally sum;
  for (const auto& f : functions_) {
    sum.calls += f.calls;
    sum.failed += f.failed;
    sum.no_end += f.no_end;
    sum.time += f.time;
    sum.last = std::max(sum.last, f.last);
    sum.last_ok = std::max(sum.last_ok, f.last_ok);
    if (f.first_ok != none && (sum.first_ok == none || f.first_ok < sum.first_ok)) sum.first_ok = f.first_ok;
    if (f.longest > sum.longest) {
      sum.longest = f.longest;
      sum.longest_in = f.longest_in;
    }
  }
  return sum;
}

}  // namespace p11tape::model
