// SPDX-License-Identifier: Apache-2.0
// A call in flight whose ENTER is in its thread's slot on the tape, and nowhere else yet. Most calls end so: one CALL
// record is appended, and the slot is cleared. An ENTER is appended to the thread's chunk as a record of its own if a call
// or an exchange with a card is recorded inside the call, or if the thread left the call without returning.
//
// If a filter may leave the call out, what is recorded inside it is held back in memory of the thread, and so is an ENTER
// that is too large for the slot. When the call has ended, all of it goes to the tape, or nowhere.
#pragma once

#include "capture/host/thread.hpp"
#include "capture/recorder.hpp"

namespace p11tape::capture {

/// Memory of a thread for what may be left out; mapped when it is first needed.
struct held_back {
  u64 used;  ///< bytes of `bytes`: the ENTER's body, if the slot has only its beginning, and then records
  u8 bytes[256 * 1024 - 8];
};

/// The slot's ENTER, in one piece: header of the record, then the body.
inline u8* held_body(tape::call_slot& s) noexcept { return s.record + sizeof(tape::record_header); }

/// Holds an ENTER in memory, with its beginning in the slot: it is too large for that. False if it is too large for the
/// memory, too.
bool hold_in_memory(thread_state& t, const frame& f, cryptoki::function function, const u64* words,
                    encoder& e) noexcept;

/// Holds a record of the call back: two pieces, the second padded. False if there is no room.
bool hold_record(thread_state& t, const tape::record_header& like, const void* first, u64 first_size,
                 const void* second, u64 second_size) noexcept;

/// What is held goes to the tape: the ENTER, and what was recorded inside the call.
void append_held(thread_state& t) noexcept;

/// What is held is forgotten.
void drop_held(thread_state& t) noexcept;

/// The thread's calls with an ENTER in its chunks are counted in its slot.
void count_open(thread_state& t) noexcept;

}  // namespace p11tape::capture
