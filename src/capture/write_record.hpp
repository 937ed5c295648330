// SPDX-License-Identifier: Apache-2.0
// Putting records onto the tape: into the thread's chunk if it fits, which is nearly always, or the long way.
//
// Room for the end of each open call is kept free in the chunk, so that a tape that becomes full has no call without an
// end: whatever is appended says how much must be left after it.
#pragma once

#include <cstring>

#include "capture/encode/sink.hpp"
#include "capture/host/clock.hpp"
#include "capture/recorder_state.hpp"
#include "tape/packed.hpp"

namespace p11tape::capture {

/// What a record's header says, besides what only the writer knows.
struct record_about {
  tape::record_kind kind;
  u8 flags;
  u8 depth;
  cryptoki::function function;
  u32 call;
  u64 time;
};

/// A piece of a record's body: a multiple of 8 bytes, but for the last one.
struct piece {
  const u8* at = nullptr;
  u64 size = 0;
};
using pieces = piece[3];

inline constexpr u64 record_head = sizeof(tape::record_header);
inline constexpr u64 largest_record_body = u64{1} << 20;
inline constexpr u64 most_packed = 1024;  ///< bytes of a body that is packed; a larger one has few small words

/// Room for the ends of so many open calls: each a LEAVE without outputs.
constexpr u64 end_room(u64 open) noexcept { return open * (record_head + 8); }

/// A chunk of the kind for the lane. False if there is none; the reason is then in the tape's header, and said.
bool fresh_chunk(thread_state& t, tape::lane& l, tape::chunk_kind kind, u64 least) noexcept;

/// Makes sure of `t.large`, room for largest_record_body bytes.
bool large_room(thread_state& t) noexcept;

/// Appends a record to the kept part, if it belongs there and there is room, or to the ring. False if there is no room.
bool append(thread_state& t, bool kept, const record_about& about, const pieces& body, u64 left_after) noexcept;

/// A chunk with `size` bytes of room for a call that begins: of the kept part if `kept`, which becomes false if there is
/// room in the ring alone.
bool make_room(thread_state& t, bool& kept, u64 size) noexcept;

/// Appends an exchange to the records of the thread. `in`: the call that it belongs to, or nullptr. False, and counted,
/// if there is no room.
bool append_exchange(thread_state& t, const open_call* in, u64 time, u8 flags, const tape::exchange_facts& facts,
                     const u8* data) noexcept;

[[gnu::always_inline]] inline void put_word(u8* at, u64 word) noexcept {
  word = le(word);
  std::memcpy(at, &word, 8);
}

/// A record's header. In whole words: a struct that is put together in narrow pieces and copied in wide ones makes the
/// processor wait for each piece.
[[gnu::always_inline]] inline void put_header(u8* at, const record_about& about, u64 size, u32 ordinal) noexcept {
  put_word(at, size | u64{about.flags} << 24 | u64{static_cast<u8>(about.kind)} << 32 | u64{about.depth} << 40 |
                   u64{static_cast<u16>(about.function)} << 48);
  put_word(at + 8, u64{about.call} | u64{ordinal} << 32);
  put_word(at + 16, about.time);
}

/// Puts the header before a body of the lane that is ready, and publishes both. `size`: of both.
[[gnu::always_inline]] inline void finish(thread_state& t, tape::lane& l, const record_about& about,
                                          u64 size) noexcept {
  put_header(l.chunk + l.used, about, size, ++t.ordinal);
  the_tape.publish(l, static_cast<u32>(size));
}

/// The whole of the call that is held in the thread's slot, as one packed record, with its return value and its outputs
/// (so many bytes in the thread's room). False if there is no room for it here.
bool append_call(thread_state& t, tape::lane& l, u64 duration, u64 rv, u64 outputs) noexcept;

/// The same for a call of few words and a tape that is mapped. False also if there are many. `about`: as in t.held, `fields`:
/// bytes of them; the caller knows both better.
[[gnu::always_inline]] inline bool append_few(thread_state& t, tape::lane& l, record_about about, u64 duration,
                                              u32 fields, u64 rv, u64 outputs) noexcept {
  const tape::packable body{fields, duration,    t.slot->record + record_head, fields / 8,
                            rv,     t.outputs(), static_cast<u32>(outputs) / 8};
  if (body.words() > tape::most_few ||
      l.room() < record_head + tape::packed_room(8 * body.words()) + end_room(about.depth)) [[unlikely]]
    return false;
  u8* const at = l.chunk + l.used;
  const auto size = static_cast<u32>(tape::pack_few(at + record_head, body) - at);
  about.flags |= tape::record_packed;
  put_header(at, about, size, ++t.ordinal);
  tape::file::publish_mapped(l, size);
  return true;
}

/// Puts an ENTER, whose body is in the thread's slot already, into it, and says so in the thread's state.
[[gnu::always_inline]] inline void publish_held(thread_state& t, const record_about& about, bool kept,
                                                u64 size) noexcept {
  put_header(t.slot->record, about, record_head + size, t.ordinal + 1);
  the_tape.publish_slot(*t.slot, record_head + size);
  t.held = {about.call, static_cast<u32>(size), about.time, about.function, about.depth, about.flags, kept, false,
            false};
}

}  // namespace p11tape::capture
