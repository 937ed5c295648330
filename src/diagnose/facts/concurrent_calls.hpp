// SPDX-License-Identifier: Apache-2.0
// Calls of several threads that were inside the module at the same time.
#pragma once

#include "model/state.hpp"

namespace p11tape::diagnose {

using model::call_context;
using model::call_number;
using model::none;
using model::session_handle;
using model::thread_number;
using model::u64;

/// Two calls that overlap in time.
struct overlap {
  call_number call, other;
  thread_number thread, other_thread;
  session_handle session;
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
