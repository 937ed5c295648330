// SPDX-License-Identifier: Apache-2.0
// Replaying a tape on a module: the one thing that others call.
//
//   auto plan = make_plan(tape, choice);
//   results out(plan.steps.size());
//   const auto end = replay(plan, settings, out);     // in a process of its own
//
// The module runs in a child of fork, with the results in shared memory: a module that crashes or hangs takes the child
// with it and leaves the report. fork() without exec, because the plan, with views into the tape's bytes, is needed
// there as it is; the program has one thread at that moment.
#pragma once

#include <chrono>

#include "replay/live_handles.hpp"
#include "replay/plan.hpp"
#include "replay/results.hpp"

namespace p11tape::replay {

struct settings {
  std::string module;
  token_names tokens;
  double pace = 0;          ///< times the recorded pauses; 0: none
  bool one_thread = false;  ///< all calls on one thread, in the order in which they began
  bool go_on = false;       ///< after the first divergence
  bool has_user_pin = false, has_so_pin = false;
  std::string_view user_pin, so_pin;
  std::string init_args;              ///< pReserved of C_Initialize where the recorded program gave one; empty: none
  std::chrono::seconds patience{60};  ///< for one call; one that took longer on the tape gets twice that
};

struct ending {
  bool finished = false;  ///< the child came to its end
  bool hung = false;      ///< it was killed, because a call did not return
  int signal = 0;         ///< that ended it
};

/// Replays once.
ending replay(const plan& p, const settings& how, results& out);

/// A load test: `parallel` processes, each replaying `rounds` times, with the durations of all calls as samples.
/// The results must have room for them. A round that differs from the tape counts as such; where it is a login that
/// fails, all end.
ending load(const plan& p, const settings& how, u64 rounds, u64 parallel, results& out);

}  // namespace p11tape::replay
