// What the recorder keeps for each thread, and for each process.
#pragma once

#include <atomic>

#include "capture/encode.hpp"
#include "capture/memory.hpp"
#include "tape/file.hpp"

namespace p11tape::capture {

/// A call that a thread has entered and not left.
struct open_call {
  const void* stack;  ///< address of its frame: what lies deeper has ended, whether it returned or not
  const u64* words;
  u16 function;
};

/// Made at a thread's first call, from mapped memory; taken over by another thread after the thread has ended.
struct thread_state {
  static constexpr u32 deepest = 32;

  u64 epoch;            ///< of the process that it was made in
  std::atomic<u32> id;  ///< the kernel's thread id
  u64 number;           ///< 1, 2, 3 ... within the tape
  bool busy;            ///< inside the recorder: a call that comes now is from a signal handler
  u32 call;
  u32 ordinal;
  u32 depth;
  open_call open[deepest];
  tape::lane kept;
  tape::lane ring;
  known_pages pages;
  u8* large;  ///< room for records that are larger than a chunk; mapped when first needed
  thread_state* next;
  template_room templates;
  scratch room;
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

}  // namespace p11tape::capture
