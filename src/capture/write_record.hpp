// SPDX-License-Identifier: Apache-2.0
// Putting a record onto the tape: into the thread's chunk where it fits, which is nearly always, or the long way.
#pragma once

#include <cstring>

#include "capture/encode/sink.hpp"
#include "capture/host/clock.hpp"
#include "capture/recorder_state.hpp"

namespace p11tape::capture {

/// What a record's header says, besides what only the writer knows.
struct record_about {
  tape::record_kind kind;
  u8 depth;
  cryptoki::function function;
  u32 call;
  u64 time;  ///< 0: taken when the body is done
};

inline constexpr u64 largest_record_body = u64{1} << 20;

/// A chunk of the kind for the lane. False where there is none; the reason is then in the tape's header, and said.
bool fresh_chunk(thread_state& t, tape::lane& l, tape::chunk_kind kind, u32 least) noexcept;

/// Makes sure of `t.large`, room for largest_record_body bytes.
bool large_room(thread_state& t) noexcept;

/// Appends a record whose body, larger than a chunk, is in `t.large`. A ring gets it in pieces.
bool put_large(thread_state& t, tape::lane& l, tape::chunk_kind kind, record_about about, u64 size) noexcept;

/// Puts the header before a body of the lane that is ready, and publishes both. `size`: of both.
[[gnu::always_inline]] inline void finish(thread_state& t, tape::lane& l, const record_about& about,
                                          u64 size) noexcept {
  tape::record_header h;
  h.size = le(static_cast<u32>(size));
  h.kind = static_cast<u8>(about.kind);
  h.depth = about.depth;
  h.function = le(static_cast<u16>(about.function));
  h.call = le(about.call);
  h.ordinal = le(++t.ordinal);
  h.time = le(about.time != 0 ? about.time : now());
  std::memcpy(l.chunk + l.used, &h, sizeof h);
  if (extras.load(std::memory_order_relaxed) & extra_log) [[unlikely]]
    t.last = {l.chunk + l.used + sizeof h, size - sizeof h, le(h.time)};
  the_tape.publish(l, static_cast<u32>(size));
}

/// Has `body` write into the chunk that the lane has. False where it does not fit.
template <class Body>
[[gnu::always_inline]] inline bool put_here(thread_state& t, tape::lane& l, const record_about& about, encoder& e,
                                            Body body) noexcept {
  constexpr u64 head = sizeof(tape::record_header);
  if (l.size - l.used < head) [[unlikely]]  // so it is, too, where the lane has no chunk
    return false;
  sink out(l.chunk + l.used + head, l.size - l.used - head);
  body(e, out);
  if (out.overflowed()) [[unlikely]]
    return false;
  finish(t, l, about, static_cast<u64>(out.position() - (l.chunk + l.used)));
  return true;
}

/// The same where the lane's chunk is full, or the record larger than any.
template <class Body>
__attribute__((noinline, cold)) bool put_elsewhere(thread_state& t, tape::lane& l, tape::chunk_kind kind,
                                                   const record_about& about, encoder& e, Body body) noexcept {
  const bool was_whole = l.chunk != nullptr && l.used == sizeof(tape::chunk_header);
  if (!was_whole) {
    if (!fresh_chunk(t, l, kind, 0)) return false;
    if (put_here(t, l, about, e, body)) return true;
  }
  if (!large_room(t)) return false;
  for (int attempt = 0; attempt < 2; ++attempt) {
    sink out(t.large, largest_record_body);
    body(e, out);
    if (!out.overflowed()) return put_large(t, l, kind, about, static_cast<u64>(out.position() - t.large));
    if (attempt == 0) the_tape.count(tape::counter::shortened);
    e.shorten();
  }
  return false;
}

template <class Body>
[[gnu::always_inline]] inline bool put_in(thread_state& t, tape::lane& l, tape::chunk_kind kind,
                                          const record_about& about, encoder& e, Body body) noexcept {
  return put_here(t, l, about, e, body) || put_elsewhere(t, l, kind, about, e, body);
}

/// Appends a record to the kept part, where it belongs there and there is room, or to the ring. `body` is called with
/// the encoder and a sink, once for each place that is tried.
template <class Body>
[[gnu::always_inline]] inline bool put(thread_state& t, bool kept, const record_about& about, encoder& e,
                                       Body body) noexcept {
  if (kept && put_in(t, t.kept, tape::chunk_kind::kept, about, e, body)) return true;
  return put_in(t, t.ring, tape::chunk_kind::ring, about, e, body);
}

/// Appends a record whose body is ready; `like` has its kind, depth, function, call and time in the host's byte order.
/// False where there is no room.
bool append_record(thread_state& t, bool kept, const tape::record_header& like, const u8* body, u64 size) noexcept;

/// Appends a record to those of the thread: facts first, then data, padded. `in`: the call that it belongs to, or
/// nullptr. False, and counted, where there is no room.
bool append_exchange(thread_state& t, const open_call* in, u64 time, const tape::exchange_facts& facts,
                     const u8* data) noexcept;

}  // namespace p11tape::capture
