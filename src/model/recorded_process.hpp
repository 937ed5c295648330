// SPDX-License-Identifier: Apache-2.0
// One tape as the model sees it: a process and the module that it talks to through one copy of the recorder.
#pragma once

#include <deque>
#include <unordered_map>
#include <vector>

#include "model/call.hpp"
#include "model/entities.hpp"
#include "model/recent_map.hpp"
#include "model/roles.hpp"

namespace p11tape::model {

struct call_context;

/// How the process agreed with the module on threads.
struct locking {
  bool told = false;       ///< C_Initialize is on the tape
  bool arguments = false;  ///< pInitArgs was given
  bool os_locking = false;
  bool no_threads = false;  ///< CKF_LIBRARY_CANT_CREATE_OS_THREADS
  u32 mutexes = 0;          ///< how many of the four functions were given
  bool reserved = false;    ///< pReserved was given
};

enum class known : std::uint8_t { unsure, yes, no };

/// A call that has begun and not yet ended, at the moment that the model stands at.
struct flight {
  /// `copy`: 1 + index of the copy of the call, 0 if there is none.
  flight(const call_context& now, u32 copy) noexcept;

  u64 start = 0;      ///< CLOCK_MONOTONIC
  u64 end = unknown;  ///< the same; `unknown`: it never returned
  call_number call;
  thread_number thread;
  session_handle session;
  const function_role* role = nullptr;
  unsigned depth = 0;

  // What it will change.
  slot_id slot;
  object_handle object;
  u64 mechanism = unknown, user = 0, value = 0;
  bool ended = false;  ///< it returned `value`
  bool asks = false;   ///< only for the length of its output
  u32 kept = 0;        ///< 1 + index of the copy of the call, where one is needed; 0: none
};

struct recorded_process {
  const tape::reader* tape = nullptr;
  std::size_t index = 0;  ///< of the tape
  std::vector<function_role> roles;
  bool forked = false;  ///< the tape of a child of fork

  known initialized = known::unsure;
  u32 initializations = 0;  ///< that succeeded
  call_number initialized_in, finalized_in;
  thread_number finalized_by;
  locking locks;

  recent_map<slot_id, slot> slots;
  std::vector<slot_id> slot_list;   ///< as C_GetSlotList last gave it
  std::vector<slot_id> token_list;  ///< the same, asked for slots with a token
  call_number slot_list_in, token_list_in;
  recent_map<session_handle, session> sessions;  ///< open ones
  recent_map<u64, object> objects;               ///< by key_of(slot, handle)
  std::deque<past> ended;                        ///< newest last, at most most_past
  std::vector<flight> flights;                   ///< calls in flight, as a heap: the one that ends first in front
  u32 unreturned = 0;                            ///< how many of them never returned
  u64 last_end = 0;                              ///< CLOCK_MONOTONIC of the latest end of a call so far

  static constexpr std::size_t most_past = 4096;
  static constexpr std::size_t most_objects = 65536;
  static constexpr std::size_t most_slots = 4096;

  const slot* find_slot(slot_id id) const noexcept { return slots.look_up(id); }
  const session* find_session(session_handle handle) const noexcept { return sessions.look_up(handle); }
  /// An object handle means something on one slot only, which may be `none`: not known. The object of a handle that is
  /// not known is not known, either.
  const object* find_object(slot_id slot, object_handle handle) const noexcept {
    if (handle == none) return nullptr;
    const auto* const o = objects.look_up(key_of(slot, handle));
    return o != nullptr && o->slot == slot && o->handle == handle ? o : nullptr;
  }
  /// The newest past session or object of that handle.
  const past* find_past(session_handle handle) const noexcept;
  const past* find_past(object_handle handle) const noexcept;

  static constexpr u64 key_of(slot_id slot, object_handle handle) noexcept {
    return slot.value() * 0x9e3779b97f4a7c15u ^ handle.value();
  }
};

}  // namespace p11tape::model
