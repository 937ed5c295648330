// SPDX-License-Identifier: Apache-2.0
// A call that a filter may leave out, while it is in flight: its records are held back in memory of the thread, and its
// ENTER is in the thread's in-flight slot on the tape, so that a process which dies in the call leaves a tape that
// names it. When the call has ended, its records go to the tape, or nowhere. A call that begins while another is held
// back, or after one that never returned, shows that this one is worth keeping.
#pragma once

#include "capture/host/thread.hpp"
#include "capture/recorder.hpp"

namespace p11tape::capture {

struct pending_call {
  u32 call;   ///< 0: nothing is held back
  bool kept;  ///< its records go to the kept chunk
  u64 time;   ///< of the ENTER
  u64 used;   ///< bytes of `records`
  u8* slot;   ///< of the thread, on the tape; nullptr: there was no room for one
  u64 epoch;  ///< of the process whose tape the slot is on
  u8 records[256 * 1024 - 64];
};

inline bool is_pending(const thread_state& t) noexcept { return t.pending != nullptr && t.pending->call != 0; }

/// Holds the ENTER of a call back. False where it is too large for that: then it is to be recorded at once.
bool hold_call(thread_state& t, tape::file& tape, const frame& f, cryptoki::function function, const u64* words,
               encoder& e) noexcept;

/// Holds another record of the call back: two pieces, the second padded. False where there is no room.
bool hold_record(thread_state& t, const tape::record_header& like, const void* first, u64 first_size,
                 const void* second, u64 second_size) noexcept;

/// What is held back goes to the tape.
void keep_pending(thread_state& t, tape::file& tape) noexcept;

/// What is held back is forgotten.
void drop_pending(thread_state& t, tape::file& tape) noexcept;

}  // namespace p11tape::capture
