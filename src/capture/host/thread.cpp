// SPDX-License-Identifier: Apache-2.0
#include "capture/host/thread.hpp"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "capture/held_call.hpp"
#include "capture/host/clock.hpp"
#include "capture/host/signals_deferred.hpp"
#include "capture/recorder_state.hpp"
#include "capture/write_record.hpp"
#include "tape/tsan_handover.hpp"

namespace p11tape::capture {
namespace {

constinit std::atomic<thread_state*> all_threads{nullptr};
constinit std::atomic<thread_state*> next_to_check{nullptr};

// Of threads to come, where no memory may be mapped any more.
constexpr u32 reserved_threads = 64;
constinit std::atomic<thread_state*> reserved_states{nullptr};
constinit std::atomic<u32> reserved_taken{0};
constinit std::atomic<u8*> reserved_rooms{nullptr};  // for large records
constinit std::atomic<u32> rooms_taken{0};

bool has_ended(u32 thread) noexcept {
  if (the_tape.is_reserved()) return false;  // not known
  return syscall(SYS_tgkill, getpid(), static_cast<pid_t>(thread), 0) != 0 && errno == ESRCH;
}

// The state of a thread that has ended, chunks and all. Looks at a few of them only, and at others the next time.
thread_state* take_over(u32 me, u32& before) noexcept {
  constexpr int looks = 8;
  for (int i = 0; i < looks; ++i) {
    thread_state* t = next_to_check.load(std::memory_order_acquire);
    if (t == nullptr) t = all_threads.load(std::memory_order_acquire);
    if (t == nullptr) return nullptr;
    next_to_check.store(t->next, std::memory_order_release);
    u32 id = t->id.load(std::memory_order_relaxed);
    // A state with my own id is that of a thread before me: mine would have been found.
    before = id;
    if ((id == me || has_ended(id)) && t->id.compare_exchange_strong(id, me, std::memory_order_acq_rel)) {
      tape::taken_over(t);
      return t;
    }
  }
  return nullptr;
}

}  // namespace

void give_slot(thread_state& t) noexcept {
  if (t.slot == nullptr) {
    t.slot = the_tape.take_slot(t.id.load(std::memory_order_relaxed), t.number);
    return;
  }
  t.slot->thread = le(u64{t.id.load(std::memory_order_relaxed)});
  t.slot->thread_number = le(t.number);
  the_tape.set_open(*t.slot, 0);
}

namespace {

// Fingerprints of the caller's memory, pages that it has: neither a core dump nor a child of fork gets them.
void* map_states(std::size_t size, int more_flags) noexcept {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | more_flags, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  madvise(memory, size, MADV_DONTDUMP);
  madvise(memory, size, MADV_WIPEONFORK);
  return memory;
}

thread_state* thread_for(process_state& p) noexcept {
  const u32 me = thread_id();
  u32 id_before = 0;
  thread_state* t = take_over(me, id_before);
  const bool fresh = t == nullptr;
  if (fresh) {
    void* memory = map_states(sizeof(thread_state), 0);
    if (memory == nullptr) return nullptr;
#ifdef __SANITIZE_ADDRESS__
    __lsan_register_root_region(memory, sizeof(thread_state));  // what it points at is no leak
#endif
    t = static_cast<thread_state*>(memory);
    t->id.store(me, std::memory_order_relaxed);
  }
  const u64 number_before = t->number;
  if (t->held.call != 0) append_held(*t);  // the thread ended in a call
  t->number = p.threads.fetch_add(1) + 1;
  t->epoch = p.epoch.load();
  t->call = t->ordinal = t->depth = 0;
  t->busy = nullptr;
  t->pages = {};
  t->exchange_stack = nullptr;
  t->held.call = 0;
  t->open_told = 0;
  if (fresh) {
    t->next = all_threads.load(std::memory_order_relaxed);
    while (!all_threads.compare_exchange_weak(t->next, t, std::memory_order_acq_rel)) {
    }
  } else {
    const u64 time = now();
    the_tape.hand_over(t->kept, tape::chunk_kind::kept, id_before, number_before, me, t->number, time);
    the_tape.hand_over(t->ring, tape::chunk_kind::ring, id_before, number_before, me, t->number, time);
  }
  look_at_thread_clock();
  give_slot(*t);
  return t;
}

// A replay that is recorded itself looks things up on a thread of a certain name; its tape says which thread that is.
void mark_lookups(thread_state& t) noexcept {
  alignas(8) char name[16] = {};
  static_assert(sizeof tape::lookup_thread_name <= sizeof name);
  if (prctl(PR_GET_NAME, name) != 0 || std::strncmp(name, tape::lookup_thread_name, sizeof name) != 0) return;
  u8 flags = 0;
  const u64 time = record_time(flags);
  append(t, true, {tape::record_kind::note, flags, 0, cryptoki::function{}, 0, time},
         {{}, {reinterpret_cast<const u8*>(name), sizeof name}, {}}, 0);
}

// A state without the kernel's thread id, which a system call would tell. nullptr if there are no more.
thread_state* reserved_state() noexcept {
  thread_state* const all = reserved_states.load();
  process_state* const p = process.load(std::memory_order_acquire);
  const bool any = all != nullptr && reserved_taken.load() < reserved_threads;
  const u32 index = any ? reserved_taken.fetch_add(1) : reserved_threads;
  if (index >= reserved_threads) {
    the_tape.count(tape::counter::no_space);
    return nullptr;
  }
  thread_state* const t = all + index;
  t->number = p->threads.fetch_add(1) + 1;
  give_slot(*t);
  t->epoch = p->epoch.load();
  return t;
}

}  // namespace

u32 thread_id() noexcept { return static_cast<u32>(syscall(SYS_gettid)); }

void forget_threads() noexcept {
  all_threads.store(nullptr);
  next_to_check.store(nullptr);
}

void reserve_threads() noexcept {
  void* memory = map_states(reserved_threads * sizeof(thread_state), MAP_POPULATE);
  reserved_states.store(static_cast<thread_state*>(memory));
  reserved_taken.store(0);
  constexpr std::size_t rooms = (reserved_threads + 1) * largest_record_body;
  memory = mmap(nullptr, rooms, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  reserved_rooms.store(memory != MAP_FAILED ? static_cast<u8*>(memory) : nullptr);
  rooms_taken.store(0);
}

u8* reserved_room() noexcept {
  u8* const all = reserved_rooms.load();
  const u32 index = all != nullptr && rooms_taken.load() <= reserved_threads ? rooms_taken.fetch_add(1) : ~u32{0};
  return index <= reserved_threads ? all + index * largest_record_body : nullptr;
}

__attribute__((noinline, cold)) thread_state* acquire() noexcept {
  if (current_epoch() != 0 && the_tape.is_reserved()) {  // no system call any more
    self = reserved_state();
    return self;
  }
  const signals_deferred guard;
  process_state* p = ready_process();
  if (p == nullptr) return nullptr;
  self = thread_for(*p);
  if (self != nullptr) mark_lookups(*self);
  return self;
}

thread_state* recording_thread() noexcept {
  if (!recording.load(std::memory_order_relaxed)) return nullptr;
  thread_state* t = self;
  if (t == nullptr || t->epoch == 0 || t->epoch != current_epoch()) t = acquire();
  if (t == nullptr || !recording.load(std::memory_order_relaxed)) return nullptr;
  if (t->busy != nullptr) {
    the_tape.count(tape::counter::interrupted);
    return nullptr;
  }
  return t;
}

bool is_current(const thread_state& t) noexcept { return self == &t && t.epoch != 0 && t.epoch == current_epoch(); }

const open_call* innermost_call(const thread_state& t, const void* stack) noexcept {
  u32 depth = t.depth;
  while (depth > 0 && t.open[depth - 1].stack <= stack) --depth;
  return depth > 0 ? &t.open[depth - 1] : nullptr;
}

// Other threads' states are looked at while they change: their owners write them without atomics, for the sake of the
// hot path. A torn look makes a wrong guess at worst, and the record says that it is one.
__attribute__((no_sanitize("thread"))) int only_thread_in_call(const thread_state*& thread, u32& call) noexcept {
  const signals_deferred guard;
  const u64 epoch = current_epoch();
  int found = 0;
  for (const thread_state* t = all_threads.load(std::memory_order_acquire); t != nullptr && found < 2; t = t->next) {
    const u32 depth = *const_cast<const volatile u32*>(&t->depth);
    if (depth == 0 || depth > thread_state::deepest || t->epoch != epoch) continue;
    if (has_ended(t->id.load(std::memory_order_relaxed))) continue;
    ++found;
    thread = t;
    call = *const_cast<const volatile u32*>(&t->open[depth - 1].call);
  }
  return found;
}

}  // namespace p11tape::capture
