// SPDX-License-Identifier: Apache-2.0
#include "capture/write_record.hpp"

#include <sys/mman.h>

#include "capture/host/message.hpp"
#include "capture/host/signals_deferred.hpp"
#include "capture/pending.hpp"

namespace p11tape::capture {
namespace {

// Pieces of a large record: two to a chunk.
constexpr u64 large_part =
    (tape::file::ring_chunk - sizeof(tape::chunk_header)) / 2 / 8 * 8 - sizeof(tape::record_header);

constinit std::atomic<u64> said_end{0};  // the epoch in which people were told that the tape has ended

}  // namespace

bool fresh_chunk(thread_state& t, tape::lane& l, tape::chunk_kind kind, u32 least) noexcept {
  const signals_deferred guard;
  if (the_tape.take_chunk(l, kind, least, t.id.load(std::memory_order_relaxed), t.number)) return true;
  if (the_tape.has_broken_off() && said_end.exchange(t.epoch) != t.epoch)
    say("recording on the tape %s stopped: %s. Calls are forwarded without being recorded.", the_tape.path(),
        the_tape.lost() ? "the file was truncated, or the disk failed"
                        : "no space left (disk, quota or ulimit -f), or the file was deleted");
  return false;
}

bool large_room(thread_state& t) noexcept {
  if (t.large != nullptr) return true;
  const signals_deferred guard;
  void* memory =
      mmap(nullptr, largest_record_body, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  t.large = static_cast<u8*>(memory);
  return true;
}

// A record that is larger than a chunk of the ring goes there in pieces.
bool put_large(thread_state& t, tape::lane& l, tape::chunk_kind kind, record_about about, u64 size) noexcept {
  constexpr u64 head = sizeof(tape::record_header);
  if (kind == tape::chunk_kind::kept) {
    if (!fresh_chunk(t, l, kind, static_cast<u32>(size + head))) return false;
    std::memcpy(l.chunk + l.used + head, t.large, size);
    finish(t, l, about, size + head);
    return true;
  }
  if (about.time == 0) about.time = now();
  const auto last = about.kind;
  for (u64 at = 0; at < size;) {
    const u64 piece = size - at < large_part ? size - at : large_part;
    if (l.chunk == nullptr || l.size - l.used < piece + head) {
      if (!fresh_chunk(t, l, kind, 0)) return false;
    }
    std::memcpy(l.chunk + l.used + head, t.large + at, piece);
    at += piece;
    about.kind = at < size ? tape::record_kind::part : last;
    finish(t, l, about, piece + head);
  }
  t.last = {t.large, size, about.time};
  return true;
}

bool append_record(thread_state& t, bool kept, const tape::record_header& like, const u8* body, u64 size) noexcept {
  constexpr u64 head = sizeof(tape::record_header);
  const record_about about{static_cast<tape::record_kind>(like.kind), like.depth,
                           static_cast<cryptoki::function>(like.function), like.call, like.time};
  const auto put_into = [&](tape::lane& l, tape::chunk_kind kind) noexcept {
    if (l.chunk == nullptr || l.size - l.used < size + head)
      if (!fresh_chunk(t, l, kind, kind == tape::chunk_kind::kept ? static_cast<u32>(size + head) : 0)) return false;
    if (l.size - l.used < size + head) {  // larger than a whole chunk
      if (!large_room(t) || size > largest_record_body) return false;
      std::memcpy(t.large, body, size);
      return put_large(t, l, kind, about, size);
    }
    std::memcpy(l.chunk + l.used + head, body, size);
    finish(t, l, about, size + head);
    return true;
  };
  return (kept && put_into(t.kept, tape::chunk_kind::kept)) || put_into(t.ring, tape::chunk_kind::ring);
}

bool append_exchange(thread_state& t, const open_call* in, u64 time, const tape::exchange_facts& facts,
                     const u8* data) noexcept {
  constexpr u64 head = sizeof(tape::record_header);
  const u64 size = head + sizeof facts + tape::padded(le(facts.data_size));
  record_about about{tape::record_kind::exchange, 0, static_cast<cryptoki::function>(0xffff), 0, time};
  if (in != nullptr)
    about = {tape::record_kind::exchange, static_cast<u8>(in - t.open), static_cast<cryptoki::function>(in->function),
             in->call, time};
  t.busy = &about;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (in != nullptr && is_pending(t)) {  // its fate is that of the call
    const tape::record_header like{0, static_cast<u8>(about.kind), about.depth, in->function, in->call, 0, time};
    if (hold_record(t, like, &facts, sizeof facts, data, le(facts.data_size))) {
      t.busy = nullptr;
      return true;
    }
    keep_pending(t, the_tape);
  }
  const auto put_into = [&](tape::lane& l, tape::chunk_kind kind) noexcept {
    if (l.chunk == nullptr || l.size - l.used < size)
      if (!fresh_chunk(t, l, kind, 0)) return false;
    u8* const at = l.chunk + l.used + head;
    std::memset(l.chunk + l.used + size - 8, 0, 8);
    std::memcpy(at, &facts, sizeof facts);
    std::memcpy(at + sizeof facts, data, le(facts.data_size));
    finish(t, l, about, size);
    return true;
  };
  const bool kept = in != nullptr && in->kept && the_tape.kept_has_room();
  const bool done = (kept && put_into(t.kept, tape::chunk_kind::kept)) || put_into(t.ring, tape::chunk_kind::ring);
  if (!done) the_tape.count(tape::counter::no_space);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  t.busy = nullptr;
  return done;
}

}  // namespace p11tape::capture
