// SPDX-License-Identifier: Apache-2.0
#include "capture/pending.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "capture/host/clock.hpp"
#include "capture/write_record.hpp"

namespace p11tape::capture {
namespace {

constexpr u64 head = sizeof(tape::record_header);

// Memory and a slot, at the thread's first call that may be left out.
pending_call* room_for(thread_state& t, tape::file& tape) noexcept {
  const int e = errno;
  if (t.pending == nullptr) {
    void* memory =
        mmap(nullptr, sizeof(pending_call), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED) t.pending = static_cast<pending_call*>(memory);
  }
  if (t.pending != nullptr && t.pending->epoch != t.epoch) {
    t.pending->epoch = t.epoch;
    t.pending->slot = tape.take_slot();
  }
  errno = e;
  return t.pending;
}

// The records carry no ordinal until they are on the tape.
void write_header(u8* at, const tape::record_header& like, u64 size) noexcept {
  const tape::record_header h{le(static_cast<u32>(size)), like.kind,    like.depth, le(like.function), le(like.call),
                              le(like.ordinal),           le(like.time)};
  std::memcpy(at, &h, sizeof h);
}

}  // namespace

bool hold_call(thread_state& t, tape::file& tape, const frame& f, cryptoki::function function, const u64* words,
               encoder& e) noexcept {
  pending_call* p = room_for(t, tape);
  if (p == nullptr) return false;
  sink out(p->records + head, sizeof p->records - head);
  e.enter(out, function, words);
  if (out.overflowed()) return false;
  p->used = static_cast<u64>(out.position() - p->records);
  p->kept = f.kept;
  p->time = now();
  const tape::record_header like{
      0,      static_cast<u8>(tape::record_kind::enter), f.depth, static_cast<u16>(function), f.call, t.ordinal + 1,
      p->time};
  write_header(p->records, like, p->used);
  if (p->slot != nullptr) {
    // What does not fit into the slot is left out there: the words of the arguments come first.
    const u64 words_size = head + 8 * cryptoki::row(function).arguments.size();
    const u64 size = p->used <= sizeof tape::in_flight_slot::record ? p->used : words_size;
    u8 first[head];
    write_header(first, like, size);
    tape.fill_slot(p->slot, t.id.load(std::memory_order_relaxed), t.number, first, p->records + head, size - head);
  }
  t.last = {p->records + head, p->used - head, p->time};
  p->call = f.call;
  return true;
}

bool hold_record(thread_state& t, const tape::record_header& like, const void* first, u64 first_size,
                 const void* second, u64 second_size) noexcept {
  auto& p = *t.pending;
  const u64 size = head + first_size + tape::padded(second_size);
  if (sizeof p.records - p.used < size) return false;
  u8* at = p.records + p.used;
  std::memset(at, 0, size);
  write_header(at, like, size);
  std::memcpy(at + head, first, first_size);
  std::memcpy(at + head + first_size, second, second_size);
  p.used += size;
  return true;
}

void keep_pending(thread_state& t, tape::file& tape) noexcept {
  auto& p = *t.pending;
  const auto last = t.last;
  p.call = 0;
  for (u64 at = 0; at < p.used;) {
    tape::record_header h;
    std::memcpy(&h, p.records + at, sizeof h);
    const tape::record_header like{0, h.kind, h.depth, le(h.function), le(h.call), 0, le(h.time)};
    if (!append_record(t, p.kept, like, p.records + at + head, le(h.size) - head)) {
      tape.count(tape::counter::no_space);
      break;
    }
    at += le(h.size);
  }
  // Only now: before, the slot was all that told of the call.
  if (p.slot != nullptr) tape.clear_slot(p.slot);
  t.last = last;
}

void drop_pending(thread_state& t, tape::file& tape) noexcept {
  t.pending->call = 0;
  if (t.pending->slot != nullptr) tape.clear_slot(t.pending->slot);
}

}  // namespace p11tape::capture
