// SPDX-License-Identifier: Apache-2.0
// Operations that two threads begin and continue in one session: each ends, or is refused because of, the other's.
#pragma once

#include <vector>

#include "model/state.hpp"

namespace p11tape::diagnose {

/// A call that failed because of what another thread had done in its session.
struct interleaved_call {
  cryptoki::function which = model::unknown_function, other_which = model::unknown_function;
  model::call_number call;
  model::thread_number thread;
  model::u64 value = 0;
  model::call_number other;  ///< the call that began or ended the operation
  model::thread_number other_thread;
  model::session_handle session;
  model::u64 count = 0;
};

class interleaving {
 public:
  void see(const model::call_context& now) {
    if (now.role->on != model::operation::no_operation && now.ended && now.session != nullptr) take(now);
  }
  const std::vector<interleaved_call>& all() const noexcept { return all_; }

 private:
  static constexpr std::size_t most = 16;
  static constexpr std::size_t remembered = 4096;

  // Of an operation of a session: the last calls that began it, and that ended it.
  struct step {
    model::call_number call;
    model::thread_number thread;
    cryptoki::function which = model::unknown_function;
  };
  struct operation_steps {
    model::u64 key = 0;  // session and kind of operation
    step begun, ended;
  };

  void take(const model::call_context& now);

  // One place for each key modulo the size: of sessions that share one, the last is remembered. This is on the way of every
  // operation of a tape, so it must cost next to nothing.
  std::vector<operation_steps> steps_{remembered};
  std::vector<interleaved_call> all_;
};

}  // namespace p11tape::diagnose
