// SPDX-License-Identifier: Apache-2.0
// The life of a process with its module: initialising, threads, fork, slots and tokens that were asked for, sessions,
// the end.
#pragma once

#include <array>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/state.hpp"

namespace p11tape::diagnose {

using model::call_context;
using model::u32;
using model::u64;
using model::unknown;

/// C_Initialize or C_Finalize.
struct turn {
  u64 call = 0, wall = 0, end_wall = 0, thread = 0, duration = 0;
  u64 value = 0;
  bool ended = false, finalizes = false;
  model::locking locks;      ///< of C_Initialize
  bool reserved = false;     ///< C_Finalize was given a pointer
  u64 open_sessions = 0;     ///< before
  u64 foreign_sessions = 0;  ///< ... that other threads had opened
};

/// Two calls that overlap in time.
struct overlap {
  u64 call = 0, other = 0;  ///< numbers; 0 for none
  u64 thread = 0, other_thread = 0;
  u64 session = unknown;
  cryptoki::function which = model::unknown_function, other_which = model::unknown_function;
  u64 count = 0;  ///< pairs; of many only a part is counted
};

/// A call that never returned.
struct unreturned {
  u64 call = 0, wall = 0, thread = 0;
  cryptoki::function which = model::unknown_function;
  tape::call_state state = tape::call_state::in_flight;
  u64 others_went_on = 0;  ///< ns that other threads of the tape went on after it had begun
};

class life {
 public:
  void see(const call_context& now);
  void finish(const model::recorded_process& in);

  std::vector<turn> turns;                     ///< the first few hundred
  u64 initializations = 0, finalizations = 0;  ///< that succeeded
  u64 first_call = 0;
  cryptoki::function first_function = model::unknown_function;
  u64 first_other = 0;  ///< the first call that needs an initialised library
  u64 first_other_value = 0;
  bool first_other_ended = false;
  cryptoki::function first_other_function = model::unknown_function;
  bool only_cleans_up = true;  ///< nothing but C_CloseSession, C_Logout, C_Finalize ...

  // Slots and tokens.
  u64 slots_with_token = unknown, slots_without_token = unknown;  ///< as last counted; `unknown`: never asked
  u64 most_with_token = 0;
  bool slots_listed = false;  ///< C_GetSlotList returned a list
  u64 counted_in = 0;         ///< number of the last call that counted slots with tokens
  u64 token_infos = 0, first_token_info = 0, last_token_info = 0;  ///< successful ones
  std::vector<u64> opened_slots;                                   ///< that a session was asked for
  u64 polls_before_session = 0, most_alike_polls = 0, polls = 0;
  u64 poll_first = 0, poll_last = 0, poll_first_wall = 0, poll_last_wall = 0, poll_time = 0;
  std::string most_alike_poll;
  bool mechanisms_changed = false;
  u64 mechanisms_changed_in = 0;

  // Sessions.
  u64 opened = 0, closed = 0, most_open = 0, most_open_in = 0, first_open = 0;
  u64 reused = 0;      ///< handles given again right after they were closed
  u64 still_open = 0;  ///< at the end of the tape
  u64 left_login = 0;  ///< call that showed a user logged in although the last session had been closed

  // Threads.
  overlap any, same_session;
  std::vector<unreturned> lost;
  u64 last_end = 0;  ///< CLOCK_MONOTONIC

  /// Key operations that came to their end.
  u64 used_keys = 0, last_used_key = 0;
  u64 interleaved_reads = 0, interleaved_in = 0;  ///< C_GetAttributeValue inside a search

  /// The calls before the first failure that looks like the module's own, newest last.
  struct brief {
    u64 call = 0, value = 0;
    cryptoki::function which = model::unknown_function;
    bool ended = false;
  };
  std::vector<brief> before_failure;

  const turn* last_turn() const noexcept { return turns.empty() ? nullptr : &turns.back(); }

 private:
  void see_turn(const call_context& now);
  void see_slots(const call_context& now);
  void see_sessions(const call_context& now);
  void see_overlap(const call_context& now);

  static constexpr std::size_t recent = 20;
  static constexpr u64 enough_overlaps = 10000;
  std::array<brief, recent> ring_{};
  u64 seen_ = 0;
  std::unordered_map<u64, u64> alike_;  // polls before the first session: function and slot -> how many
  u64 last_closed_ = unknown;
};

}  // namespace p11tape::diagnose
