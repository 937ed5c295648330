// SPDX-License-Identifier: Apache-2.0
// What the recorder keeps for each thread, and for each process.
#pragma once

#include <atomic>

#include "capture/encode/encode.hpp"
#include "capture/host/memory.hpp"
#include "tape/file.hpp"

namespace p11tape::log {
struct thread_room;
}

namespace p11tape::capture {

struct held_back;

/// A call that a thread has entered and not left.
struct open_call {
  const void* stack;  ///< address of its frame: what lies deeper has ended, whether it returned or not
  const u64* words;
  u32 call;  ///< its number, 0: not recorded
  u16 function;
  bool kept;            ///< its records go to the kept chunk
  bool appended;        ///< its ENTER is in the thread's chunks
  bool may_be_dropped;  ///< a filter may leave it out
};

/// The call whose ENTER is in the thread's slot, and not in a chunk.
struct held_call {
  u32 call;  ///< 0: none
  u32 size;  ///< bytes of the ENTER's body
  u64 time;
  cryptoki::function function;
  u8 depth;
  u8 flags;  ///< record_flags
  bool kept;
  bool in_memory;  ///< the slot has only its beginning; all of it is in held_back
  bool has_more;   ///< held_back has records that were made inside the call
};

/// The body of a record that has just been written, for the live log.
struct written {
  const u8* body;
  u64 size;
  u64 time;  ///< of record_time()
  u8 flags;
};

/// Made at a thread's first call, from mapped memory; taken over by another thread after the thread has ended.
struct thread_state {
  static constexpr u32 deepest = 32;
  static constexpr u32 most_results = 4096;

  u64 epoch;            ///< of the process that it was made in
  std::atomic<u32> id;  ///< the kernel's thread id
  u64 number;           ///< 1, 2, 3 ... within the tape
  const void* busy;     ///< inside the recorder, in this frame: a call that comes now is from a signal handler
  u32 call;
  u32 ordinal;
  u32 depth;
  u32 open_told;          ///< calls with an ENTER in the chunks, as the slot has it
  tape::call_slot* slot;  ///< on the tape; nullptr: there was no space for one
  held_call held;
  tape::lane kept;
  tape::lane ring;
  open_call open[deepest];
  known_pages pages;
  const void* exchange_stack;  ///< in an exchange with a card: address of its frame
  u32 exchange_call;           ///< ... and the thread's count of calls then
  u8* large;                   ///< room for records that are larger than a chunk; mapped when first needed
  held_back* back;             ///< room for a call that a filter may leave out; mapped when first needed
  log::thread_room* log_room;  ///< the live log's
  written last;                ///< kept up to date where there is a live log
  thread_state* next;
  output_rooms rooms;
  scratch room;
  alignas(8) u8 results[most_results];  ///< what comes of a call before it is appended: the return value, the outputs

  u8* outputs() noexcept { return results + 8; }
};

/// Reads zero in a child of fork: everything that must not be inherited.
struct process_state {
  enum class stage : u32 { nothing, being_made, ready };
  std::atomic<u64> epoch;  ///< 0: nothing has been made yet, or this is a child of fork
  std::atomic<stage> state;
  std::atomic<u32> maker;    ///< the thread that is making it
  std::atomic<u64> threads;  ///< numbers given to threads
  pin_memory pins;
};

/// The kernel's id of this thread.
u32 thread_id() noexcept;

/// This thread's state in this process, made, or taken over from a thread that has ended. nullptr: there is no memory,
/// or the recorder is just being made. Keeps errno.
thread_state* acquire() noexcept;

/// Makes the thread's slot on the tape its own, or takes one if it has none.
void give_slot(thread_state& t) noexcept;

/// Memory for threads to come: no more is mapped afterwards.
void reserve_threads() noexcept;

/// Of that memory, room for one thread's large records; nullptr if there is no more.
u8* reserved_room() noexcept;

/// Before the first thread of a process: those of its parent are not ours.
void forget_threads() noexcept;

// ---- For what is recorded between the ENTER and the LEAVE of a call ----

/// This thread's state, made where it has none yet. nullptr: nothing can be recorded just now. Keeps errno.
thread_state* recording_thread() noexcept;

/// False in a child of fork whose thread state is the parent's.
bool is_current(const thread_state& t) noexcept;

/// The innermost call that the thread is in, seen from `stack`, an address in its newest frame; nullptr: none.
const open_call* innermost_call(const thread_state& t, const void* stack) noexcept;

/// Looks for the only thread of the process that is in a call. How many there are, at most 2; `call` is its innermost.
int only_thread_in_call(const thread_state*& thread, u32& call) noexcept;

}  // namespace p11tape::capture
