// SPDX-License-Identifier: Apache-2.0
// C_Initialize and C_Finalize of a process, and the first call that needs an initialised library.
#pragma once

#include <vector>

#include "model/state.hpp"

namespace p11tape::diagnose {

using model::call_context;
using model::call_number;
using model::none;
using model::thread_number;
using model::u64;

/// What may be called before C_Initialize, and says nothing about the library's state.
bool needs_no_library(cryptoki::function f) noexcept;

/// C_Initialize or C_Finalize.
struct turn {
  call_number call;
  thread_number thread;
  u64 wall = 0, end_wall = 0, duration = 0;
  u64 value = 0;
  bool ended = false, finalizes = false;
  model::locking locks;      ///< of C_Initialize
  bool reserved = false;     ///< C_Finalize was given a pointer
  u64 open_sessions = 0;     ///< before
  u64 foreign_sessions = 0;  ///< ... that other threads had opened
};

/// A call that needs an initialised library.
struct first_use {
  call_number call;
  u64 value = 0;
  cryptoki::function which = model::unknown_function;
  bool ended = false;
};

class initialization {
 public:
  void see(const call_context& now) {
    if (now.role->does == cryptoki::effect::initialize || now.role->does == cryptoki::effect::finalize) see_turn(now);
    if (first.call == none || only_cleans_up) see_use(now);
  }

  std::vector<turn> turns;             ///< the first few hundred
  u64 initialized = 0, finalized = 0;  ///< calls that succeeded
  first_use first;
  bool only_cleans_up = true;  ///< nothing but C_CloseSession, C_Logout, C_Finalize ...

 private:
  void see_turn(const call_context& now);
  void see_use(const call_context& now);
};

}  // namespace p11tape::diagnose
