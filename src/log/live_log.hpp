// SPDX-License-Identifier: Apache-2.0
// The live log: each call as text or JSON, while it happens, in addition to the tape.
//
// It is made from the bytes of the records that were just written, so that nothing can be in the log that is not on the
// tape. It runs inside the host, before and after a call of the module and never across it, with cancellation of the
// thread held back by the recorder. The code behind this interface knows exceptions (of memory alone); none leaves it.
//
// spdlog hands the lines to sinks of our own; there is no registry, no thread and no pattern. One call is one write, so
// that threads and processes that share a file do not mix their lines. A log that cannot be written is said once,
// through `complain`, and is tried again with every call.
#pragma once

#include <cstdint>

#include "p11tape/layout.hpp"

namespace p11tape::log {

enum class level : std::uint8_t { all, errors, slow };

struct setup {
  const char* where;  ///< a file, "stderr" or "syslog"
  bool json;
  level which;
  std::uint64_t slow;  ///< ns from which on a call is slow
  bool entry;          ///< a line when a call begins, too
  std::uint64_t size;  ///< of a file; then it is put aside
  unsigned files;      ///< how many of those are kept
  const char* program;
  void (*complain)(const char* sentence) noexcept;
};

/// What the log keeps for a thread: the beginnings of the calls that it is in.
struct thread_room;

struct beginning {
  std::uint64_t thread, thread_number;
  unsigned depth;
  std::uint16_t function;
  bool announce;         ///< false: no line yet, although log.entry is on
  std::uint64_t time;    ///< CLOCK_MONOTONIC in ns
  const tape::u8* body;  ///< of the ENTER; copied
  std::uint64_t body_size;
};

struct ending {
  unsigned depth;
  std::uint64_t time;
  std::uint64_t return_value;
  const tape::u8* body;  ///< of the LEAVE
  std::uint64_t body_size;
};

/// Opens the log of this process; again in a child of fork. The strings must live for ever. False, and said, where that
/// is not possible: then there is no log.
bool start(const setup& how) noexcept;

/// A call begins. `room` belongs to the thread; nullptr at first.
void begin_call(thread_room*& room, const beginning& call) noexcept;

/// The thread's call of that depth has ended.
void end_call(thread_room*& room, const ending& call) noexcept;

}  // namespace p11tape::log
