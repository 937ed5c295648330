// SPDX-License-Identifier: Apache-2.0
#include "capture/write_record.hpp"

#include <sys/mman.h>

#include <cstring>

#include "capture/held_call.hpp"
#include "capture/host/message.hpp"
#include "capture/host/signals_deferred.hpp"

namespace p11tape::capture {
namespace {

// Pieces of a large record: two to a chunk.
constexpr u64 large_part = (tape::file::ring_chunk - sizeof(tape::chunk_header)) / 2 / 8 * 8 - record_head - 64;

constinit std::atomic<u64> told_end{0};  // the epoch in which people were told that the tape has ended

const char* reason_of(tape::obstacle by) noexcept {
  switch (by) {
    case tape::obstacle::cut:
      return "the file was truncated, or the disk failed";
    case tape::obstacle::deleted:
      return "the file was deleted";
    case tape::obstacle::file_limit:
      return "the file reached the maximum file size (ulimit -f)";
    case tape::obstacle::no_descriptor:
      return "the program closed the file descriptor of the tape, and the file cannot be opened again";
    case tape::obstacle::refused:
      return "the file could not be extended";
    default:
      return "no space left";
  }
}

void tell_end() noexcept {
  const auto by = the_tape.stopped_by();
  const bool has_error = by == tape::obstacle::no_descriptor || by == tape::obstacle::refused;
  say("recording on the tape %s stopped: %s%s%s. Calls are forwarded without being recorded.", the_tape.path(),
      reason_of(by), has_error ? ": " : "", has_error ? strerrordesc_np(the_tape.error_number()) : "");
}

u64 total(const pieces& body) noexcept { return body[0].size + body[1].size + body[2].size; }

bool is_packed(tape::record_kind k) noexcept {
  return k == tape::record_kind::enter || k == tape::record_kind::leave || k == tape::record_kind::call;
}

// Into the chunk that the lane has. False if it does not fit.
bool write_here(thread_state& t, tape::lane& l, record_about about, const pieces& body, u64 left_after) noexcept {
  const u64 size = total(body), room = l.room();
  u8* const at = l.chunk + l.used;
  if (is_packed(about.kind) && size <= most_packed && room >= record_head + tape::packed_room(size) + left_after) {
    alignas(8) u8 joined[most_packed];
    u64 have = 0;
    for (const auto& piece : body) {
      if (piece.size != 0) std::memcpy(joined + have, piece.at, piece.size);
      have += piece.size;
    }
    about.flags |= tape::record_packed;
    finish(t, l, about, static_cast<u64>(tape::pack(at + record_head, joined, size) - at));
    return true;
  }
  const u64 whole = record_head + tape::padded(size);
  if (room < whole + left_after) return false;
  std::memset(at + whole - 8, 0, 8);
  u8* to = at + record_head;
  for (const auto& piece : body) {
    if (piece.size != 0) std::memcpy(to, piece.at, piece.size);
    to += piece.size;
  }
  finish(t, l, about, whole);
  return true;
}

// A record that is larger than a chunk of the ring goes there in pieces.
bool write_parts(thread_state& t, tape::lane& l, record_about about, const pieces& body, u64 left_after) noexcept {
  const auto last = about.kind;
  const u64 size = tape::padded(total(body));
  u64 done = 0, inside = 0;
  int which = 0;
  while (done < size) {
    const u64 part = size - done < large_part ? size - done : large_part;
    if (l.room() < part + record_head + left_after && !fresh_chunk(t, l, tape::chunk_kind::ring, 0)) return false;
    u8* to = l.chunk + l.used + record_head;
    std::memset(to + part - 8, 0, 8);
    for (u64 left = part; left > 0 && which < 3;) {
      const u64 there = body[which].size - inside;
      const u64 n = there < left ? there : left;
      if (n != 0) std::memcpy(to, body[which].at + inside, n);
      to += n;
      left -= n;
      inside += n;
      if (inside == body[which].size) {
        ++which;
        inside = 0;
      }
    }
    done += part;
    about.kind = done < size ? tape::record_kind::part : last;
    finish(t, l, about, part + record_head);
  }
  return true;
}

bool append_to(thread_state& t, tape::lane& l, tape::chunk_kind kind, const record_about& about, const pieces& body,
               u64 left_after) noexcept {
  if (write_here(t, l, about, body, left_after)) return true;
  const u64 least = record_head + tape::padded(total(body)) + left_after;
  const bool fits_nowhere =
      kind == tape::chunk_kind::ring && least > tape::file::ring_chunk - sizeof(tape::chunk_header);
  if (fits_nowhere) return write_parts(t, l, about, body, left_after);
  return fresh_chunk(t, l, kind, least) && write_here(t, l, about, body, left_after);
}

}  // namespace

bool fresh_chunk(thread_state& t, tape::lane& l, tape::chunk_kind kind, u64 least) noexcept {
  const signals_deferred guard(!the_tape.is_reserved());
  if (the_tape.take_chunk(l, kind, static_cast<u32>(least), t.id.load(std::memory_order_relaxed), t.number))
    return true;
  if (the_tape.has_broken_off() && told_end.exchange(t.epoch) != t.epoch && !the_tape.is_reserved()) tell_end();
  return false;
}

bool large_room(thread_state& t) noexcept {
  if (t.large != nullptr) return true;
  if (the_tape.is_reserved()) return (t.large = reserved_room()) != nullptr;
  const signals_deferred guard;
  void* memory =
      mmap(nullptr, largest_record_body, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  t.large = static_cast<u8*>(memory);
  return true;
}

bool append_call(thread_state& t, tape::lane& l, u64 duration, u64 rv, u64 outputs) noexcept {
  const auto& held = t.held;
  const tape::packable body{held.size, duration,    held_body(*t.slot),           held.size / 8,
                            rv,        t.outputs(), static_cast<u32>(outputs) / 8};
  const u64 size = 8 * u64{body.words()};
  if (size > most_packed || l.room() < record_head + tape::packed_room(size) + end_room(held.depth)) return false;
  u8* const at = l.chunk + l.used;
  const record_about about{tape::record_kind::call,
                           static_cast<u8>(held.flags | tape::record_packed),
                           held.depth,
                           held.function,
                           held.call,
                           held.time};
  finish(t, l, about, static_cast<u64>(tape::pack_many(at + record_head, body) - at));
  return true;
}

bool append(thread_state& t, bool kept, const record_about& about, const pieces& body, u64 left_after) noexcept {
  return (kept && append_to(t, t.kept, tape::chunk_kind::kept, about, body, left_after)) ||
         append_to(t, t.ring, tape::chunk_kind::ring, about, body, left_after);
}

bool make_room(thread_state& t, bool& kept, u64 size) noexcept {
  if (kept && fresh_chunk(t, t.kept, tape::chunk_kind::kept, size)) return true;
  kept = false;
  return t.ring.room() >= size || fresh_chunk(t, t.ring, tape::chunk_kind::ring, 0);
}

bool append_exchange(thread_state& t, const open_call* in, u64 time, u8 flags, const tape::exchange_facts& facts,
                     const u8* data) noexcept {
  record_about about{tape::record_kind::exchange, flags, 0, static_cast<cryptoki::function>(0xffff), 0, time};
  if (in != nullptr) {
    about.depth = static_cast<u8>(in - t.open);
    about.function = static_cast<cryptoki::function>(in->function);
    about.call = in->call;
  }
  const u64 data_size = le(facts.data_size);
  t.busy = &about;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  bool done = false;
  if (t.held.call != 0) {
    if (in != nullptr && t.held.call == in->call && in->may_be_dropped) {  // its fate is that of the call
      tape::record_header like{};
      like.size_and_flags = u32{flags} << 24;
      like.kind = static_cast<u8>(about.kind);
      like.depth = about.depth;
      like.function = static_cast<u16>(about.function);
      like.call = about.call;
      like.time = time;
      done = hold_record(t, like, &facts, sizeof facts, data, data_size);
    }
    if (!done) append_held(t);
  }
  if (!done) {
    const bool kept = in != nullptr && in->kept && the_tape.kept_has_room();
    done = append(t, kept, about, {{}, {reinterpret_cast<const u8*>(&facts), sizeof facts}, {data, data_size}},
                  end_room(t.depth));
    if (!done) the_tape.count(tape::counter::no_space);
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);
  t.busy = nullptr;
  return done;
}

}  // namespace p11tape::capture
