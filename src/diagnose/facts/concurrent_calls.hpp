// SPDX-License-Identifier: Apache-2.0
// Calls of several threads that were inside the module at the same time.
#pragma once

#include "model/state.hpp"

namespace p11tape::diagnose {

using model::call_context;
using model::u64;
using model::unknown;

/// Two calls that overlap in time.
struct overlap {
  u64 call = 0, other = 0;  ///< numbers; 0 for none
  u64 thread = 0, other_thread = 0;
  u64 session = unknown;
  cryptoki::function which = model::unknown_function, other_which = model::unknown_function;
  u64 count = 0;  ///< pairs; of many only a part is counted
};

class concurrent_calls {
 public:
  void see(const call_context& now) {
    if (now.process->flights.size() > 1) see_others(now);
  }

  overlap any, same_session;

 private:
  void see_others(const call_context& now);
};

}  // namespace p11tape::diagnose
