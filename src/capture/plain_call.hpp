// SPDX-License-Identifier: Apache-2.0
// What the short way of a call (plain_call.cpp) and the general one (recorder.cpp) share, and how the first goes over to
// the second when something turns out to be out of the ordinary.
#pragma once

#include "capture/recorder.hpp"
#include "capture/recorder_state.hpp"
#include "cryptoki/routine_results.hpp"
#include "tape/tsan_handover.hpp"

namespace p11tape::capture {

/// Whether a record goes to the kept part of the tape.
inline bool belongs_to_kept(retention goes) noexcept {
  switch (goes) {
    case retention::kept:
      return the_tape.kept_has_room();
    case retention::kept_half:
      return the_tape.kept_has_half();
    default:
      return false;
  }
}

/// The state of a thread may be taken over from here on.
inline void leave_to_heirs([[maybe_unused]] thread_state& t) noexcept {
  tape::left_behind(t.kept.chunk);
  tape::left_behind(t.ring.chunk);
  tape::left_behind(&t);
}

/// A call that has ended otherwise than well.
__attribute__((noinline, cold)) inline void count_unusual(cryptoki::function function, u64 rv) noexcept {
  if (!cryptoki::is_routine(static_cast<u16>(function), rv)) the_tape.count(tape::counter::unusual_results);
}

/// Reads both clocks, because a pair is due.
void look_at_clocks() noexcept;

/// After a call that took long: work that would have to be done before long.
void after_long_call(thread_state& t, const frame& f, u64 time, u8 flags) noexcept;

/// The rest of a beginning, from the encoding on.
void begin_slowly(thread_state& t, frame& f, cryptoki::function function, const u64* words) noexcept;

/// As leave(), at a time that was read already.
void leave_at(frame& f, cryptoki::function function, const u64* words, u64 rv, u64 time, u8 flags) noexcept;

/// The rest of an end, from the encoding on.
void end_call(thread_state& t, const frame& f, cryptoki::function function, const u64* words, u64 rv, u64 time,
              u8 flags) noexcept;

}  // namespace p11tape::capture
