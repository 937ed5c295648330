// SPDX-License-Identifier: Apache-2.0
// Handing out what is in a tape's file: chunks of threads, their slots, and clock pairs.
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "tape/clock_reading.hpp"
#include "tape/file.hpp"
#include "tape/kernel_clock.hpp"
#include "tape/tsan_handover.hpp"

namespace p11tape::tape {
namespace {

constexpr u32 ring_least = 8;  // chunks: a smaller ring is not worth going round

// Thread ids are used again, and numbers are not: together they name a thread, and its id can be asked about.
constexpr u64 holder_of(u64 thread, u64 thread_number) noexcept {
  return thread_number << 32 | static_cast<u32>(thread);
}
constexpr u64 being_taken = ~u64{0};
constexpr u64 held_back = u64{1} << 63;  // the thread writes to its next chunk already

bool is_dead(u32 thread) noexcept {
  const int e = errno;
  const bool dead = syscall(SYS_tgkill, getpid(), static_cast<pid_t>(thread), 0) != 0 && errno == ESRCH;
  errno = e;
  return dead;
}

constexpr u32 rounded_up(u64 bytes) noexcept { return static_cast<u32>((bytes + unit - 1) / unit * unit); }

}  // namespace

// A thread's first chunks are small, since most threads need no more. A thread that fills them is given larger ones, so
// that it seldom has to ask, as far as the limit allows many of that size, and the tape has become large itself: where
// the disk is nearly full, a ring of few large chunks could not go round.
u32 file::chunk_size(const lane& where, chunk_kind kind, u32 least) const noexcept {
  const bool is_kept = kind == chunk_kind::kept;
  const u64 shares = 64;
  u64 most = (is_kept ? kept_limit_ : limit_) / shares / unit * unit;
  const u64 so_far = next_.load(std::memory_order_relaxed) / 16 / unit * unit;
  if (most > so_far) most = so_far;
  if (most > largest_chunk) most = largest_chunk;
  if (most < ring_chunk) most = ring_chunk;
  u64 size = is_kept && where.taken == 0 ? unit : ring_chunk;
  const u32 steps = is_kept ? where.taken > 0 ? where.taken - 1 : 0 : where.taken;
  for (u32 i = 0; i < steps && size < most; ++i) size *= 4;
  if (size > most) size = most;
  const u32 needed = is_kept ? rounded_up(u64{least} + sizeof(chunk_header)) : 0;
  return needed > size ? needed : static_cast<u32>(size);
}

bool file::take_chunk(lane& where, chunk_kind kind, u32 least, u64 thread, u64 thread_number) noexcept {
  if (!is_open()) return false;
  // A call that was in flight when recording was switched off is still recorded to its end.
  const auto stopped = le(std::atomic_ref<u64>(header()->stopped).load(std::memory_order_relaxed));
  if (stopped != 0 && stopped != static_cast<u64>(stop_reason::switched_off)) return false;
  u32 size = chunk_size(where, kind, least);
  const u32 smallest = kind == chunk_kind::ring ? ring_chunk : rounded_up(u64{least} + sizeof(chunk_header));
  bool reserved = true;
  u8* at = take_space(kind, size, reserved);
  while (at == nullptr && size > smallest) {  // what is left may still be enough for a smaller one
    size = size / 4 > smallest ? size / 4 / unit * unit : smallest;
    at = take_space(kind, size, reserved);
  }
  if (at != nullptr) {
    if (!populate(at, size)) return false;
    if (kind == chunk_kind::kept) {
      kept_used_.fetch_add(size, std::memory_order_relaxed);
    } else {
      const u32 index = ring_count_.fetch_add(1, std::memory_order_acq_rel);
      ring_chunks_[index].units = size / unit;
      move_on(where, index, holder_of(thread, thread_number));
      const u64 offset = static_cast<u64>(at - base_);
      std::atomic_ref<u32>(ring_chunks_[index].place).store(static_cast<u32>(offset / unit), std::memory_order_release);
    }
  } else if (u32 index = 0; kind == chunk_kind::ring && ring_ && (at = recycle(index, size)) != nullptr) {
    move_on(where, index, holder_of(thread, thread_number));
    if (!populate(at, size)) return false;
    count(counter::overwritten_chunks);
  } else {
    if (kind == chunk_kind::ring && (!ring_ || ring_count_.load() < ring_least)) {
      stop(reserved ? stop_reason::full : stop_reason::no_space, clock_ns(CLOCK_MONOTONIC));
    }
    return false;
  }
  start_chunk(at, kind, size, thread, thread_number);
  // What was written to the file needs no memory any more.
  if (by_write_ && where.chunk != nullptr) madvise(where.chunk, where.size, MADV_DONTNEED);
  where.chunk = at;
  where.size = size;
  where.used = sizeof(chunk_header);
  ++where.taken;
  return true;
}

// A ring chunk for a thread, which holds the one that it leaves back, and gives the one before that free.
void file::move_on(lane& where, u32 index, u64 holder) noexcept {
  if (where.before != lane::none) {
    u64 mine = holder | held_back;
    ring_chunks_[where.before].holder.compare_exchange_strong(mine, 0, std::memory_order_acq_rel);
  }
  where.before = where.chunk != nullptr ? where.ring_index : lane::none;
  if (where.before != lane::none)
    ring_chunks_[where.before].holder.store(holder | held_back, std::memory_order_release);
  where.ring_index = index;
  ring_chunks_[index].holder.store(holder, std::memory_order_release);
}

// Goes round the ring and takes the first chunk that is free. An idle thread keeps the chunk that it is in, and so its
// newest calls; everybody else goes round it. If all are in hands, one that is only held back is taken.
u8* file::recycle(u32& index, u32& size) noexcept {
  const u32 count = ring_count_.load(std::memory_order_acquire);
  if (count < ring_least) return nullptr;
  for (u32 tried = 0; tried < 2 * count; ++tried) {
    index = ring_next_.fetch_add(1, std::memory_order_relaxed) % count;
    auto& entry = ring_chunks_[index];
    const u32 place = std::atomic_ref<u32>(entry.place).load(std::memory_order_acquire);
    if (place == 0) continue;
    u64 holder = entry.holder.load(std::memory_order_acquire);
    const bool may_be_taken = holder == 0 || ((holder & held_back) != 0 && tried >= count) ||
                              (holder != being_taken && !reserve_all_ && is_dead(static_cast<u32>(holder)));
    if (holder == being_taken || !may_be_taken) continue;
    if (entry.holder.compare_exchange_strong(holder, being_taken, std::memory_order_acq_rel)) {
      u8* const at = base_ + u64{place} * unit;
      size = entry.units * unit;
      taken_over(at);
      return at;
    }
  }
  return nullptr;
}

void file::start_chunk(u8* at, chunk_kind kind, u32 size, u64 thread, u64 thread_number) noexcept {
  auto& h = *reinterpret_cast<chunk_header*>(at);
  std::atomic_ref<u64>(h.committed).store(0, std::memory_order_release);
  std::atomic_ref<u64>(h.sequence)
      .store(le<u64>(sequence_.fetch_add(1, std::memory_order_relaxed) + 1), std::memory_order_release);
  h.kind = le<u16>(static_cast<u16>(kind));
  h.header_size = le<u16>(sizeof h);
  h.size = le<u32>(size);
  h.handed_over = 0;
  h.thread = le<u64>(thread);
  h.thread_number = le<u64>(thread_number);
  h.wall = le<u64>(clock_ns(CLOCK_REALTIME));
  const bool counts = counts_ && !counter_is_forbidden.load(std::memory_order_relaxed);
  const auto now = counts ? read_both_clocks() : clock_reading{0, clock_ns(CLOCK_MONOTONIC)};
  h.monotonic = le<u64>(now.monotonic);
  h.counter = le<u64>(now.counter);
  h.flags = 0;
  h.next = 0;
  std::atomic_ref<u32>(h.magic).store(le<u32>(chunk_magic), std::memory_order_release);
  std::atomic_ref<u64>(h.committed).store(le<u64>(sizeof h), std::memory_order_release);
  if (by_write_) write_at(at, sizeof h, static_cast<u64>(at - base_));
}

void file::hand_over(lane& where, chunk_kind kind, u64 from, u64 from_number, u64 thread, u64 thread_number,
                     u64 kernel_time) noexcept {
  constexpr u32 size = sizeof(record_header) + 16;
  if (where.chunk == nullptr) return;
  const bool room = where.room() >= size;
  // A ring chunk of a thread that has ended may have been overwritten since: then it is somebody else's.
  u64 holder = holder_of(from, from_number);
  const bool ours =
      kind == chunk_kind::kept || ring_chunks_[where.ring_index].holder.compare_exchange_strong(
                                      holder, room ? holder_of(thread, thread_number) : 0, std::memory_order_acq_rel);
  where.before = lane::none;  // whoever comes round to it finds that its thread has ended
  if (!ours || !room) {
    where = {};  // the next record takes a new chunk
    return;
  }
  where.taken = 1;
  auto* record = where.chunk + where.used;
  record_header h{};
  h.size_and_flags = le(size | u32{record_kernel_time} << 24);
  h.kind = static_cast<u8>(record_kind::thread);
  h.time = le<u64>(kernel_time);
  const u64 body[2] = {le<u64>(thread), le<u64>(thread_number)};
  std::memcpy(record, &h, sizeof h);
  std::memcpy(record + sizeof h, body, sizeof body);
  auto& chunk = *reinterpret_cast<chunk_header*>(where.chunk);
  std::atomic_ref<u32>(chunk.handed_over).store(le<u32>(le<u32>(chunk.handed_over) + 1), std::memory_order_release);
  if (by_write_) write_at(&chunk.handed_over, 4, static_cast<u64>(where.chunk - base_) + 12);
  publish(where, size);
}

// A chunk of slots or clock pairs, linked to the one before it.
u8* file::take_special(chunk_kind kind, u64& first, std::atomic<u64>& last) noexcept {
  bool reserved = true;
  u8* at = take_space(kind, unit, reserved);
  if (at == nullptr || !populate(at, unit)) return nullptr;
  start_chunk(at, kind, unit, 0, 0);
  const u64 offset = static_cast<u64>(at - base_);
  const u64 before = last.exchange(offset, std::memory_order_acq_rel);
  u64& link = before == 0 ? first : reinterpret_cast<chunk_header*>(base_ + before)->next;
  std::atomic_ref<u64>(link).store(le(offset), std::memory_order_release);
  if (by_write_) write_at(&link, 8, static_cast<u64>(reinterpret_cast<u8*>(&link) - base_));
  return at;
}

call_slot* file::take_slot(u64 thread, u64 thread_number) noexcept {
  if (!is_open()) return nullptr;
  for (;;) {
    u64 next = next_slot_.load(std::memory_order_acquire);
    while (next % unit != 0)
      if (next_slot_.compare_exchange_weak(next, next + sizeof(call_slot), std::memory_order_acq_rel)) {
        auto* const slot = reinterpret_cast<call_slot*>(base_ + next);
        slot->thread = le(thread);
        slot->thread_number = le(thread_number);
        return slot;
      }
    // Two threads may both come here and take a chunk each: then one's slots are lost, and nothing else.
    u8* const at = take_special(chunk_kind::slots, header()->slots, last_slots_);
    if (at == nullptr) return nullptr;
    next_slot_.store(static_cast<u64>(at - base_) + first_slot, std::memory_order_release);
  }
}

void file::set_open(call_slot& s, u32 calls) noexcept {
  std::atomic_ref<u32>(s.open).store(le(calls), std::memory_order_release);
  if (by_write_) write_slot(s, 0);
}

void file::store_pair(u64 counter, u64 monotonic, bool replace) noexcept {
  constexpr u32 in_chunk = (unit - sizeof(chunk_header)) / sizeof(clock_pair);
  constexpr u64 shares = 64;  // of the limit, for all pairs together
  if (!is_open()) return;
  if (!replace && (pairs_ == in_chunk || last_pairs_ == 0)) {
    if (pair_chunks_ * unit > limit_ / shares) return;  // the pairs in the headers of chunks go on
    if (take_special(chunk_kind::clock, header()->clock_pairs, last_pairs_) == nullptr) return;
    ++pair_chunks_;
    pairs_ = 0;
  }
  const u64 chunk = last_pairs_.load(std::memory_order_relaxed);
  if (chunk == 0 || (replace && pairs_ == 0)) return;
  if (!replace) ++pairs_;
  const u64 offset = sizeof(chunk_header) + (pairs_ - 1) * sizeof(clock_pair);
  auto& pair = *reinterpret_cast<clock_pair*>(base_ + chunk + offset);
  std::atomic_ref<u64>(pair.counter).store(le(counter), std::memory_order_relaxed);
  std::atomic_ref<u64>(pair.monotonic).store(le(monotonic), std::memory_order_relaxed);
  std::atomic_ref<u64>(pair.check).store(le(counter ^ monotonic), std::memory_order_relaxed);
  if (by_write_) write_at(&pair, sizeof pair, chunk + offset);
  if (replace) return;
  auto& committed = reinterpret_cast<chunk_header*>(base_ + chunk)->committed;
  std::atomic_ref<u64>(committed).store(le(offset + sizeof pair), std::memory_order_release);
  if (by_write_) write_at(&committed, 8, chunk + offsetof(chunk_header, committed));
}

void file::write_through(const lane& where, u32 size) noexcept {
  const u64 chunk = static_cast<u64>(where.chunk - base_);
  if (write_at(where.chunk + where.used - size, size, chunk + where.used - size))
    write_at(where.chunk + offsetof(chunk_header, committed), 8, chunk + offsetof(chunk_header, committed));
}

// Everything but `committed` first: what counts must be there.
void file::write_slot(const call_slot& s, u64 size) noexcept {
  const u64 offset = static_cast<u64>(reinterpret_cast<const u8*>(&s) - base_);
  if (size == 0 || write_at(&s.sequence, sizeof(call_slot) - 8, offset + 8)) write_at(&s, size == 0 ? 40 : 8, offset);
}

}  // namespace p11tape::tape
