#include "capture/recorder.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "capture/clock.hpp"
#include "capture/control.hpp"
#include "capture/filter.hpp"
#include "capture/live_log.hpp"
#include "capture/make_tape.hpp"
#include "capture/message.hpp"
#include "capture/pending.hpp"
#include "capture/slow_path.hpp"
#include "capture/thread.hpp"
#include "tape/handed_on.hpp"
#include "tape/kernel.hpp"

namespace p11tape::capture {
namespace {

constexpr u32 same_call_again = 16;       // so often inside itself, a call is a loop
constexpr u64 large_size = u64{1} << 20;  // of one record
// Pieces of a large record: two to a chunk.
constexpr u64 large_part =
    (tape::file::ring_chunk - sizeof(tape::chunk_header)) / 2 / 8 * 8 - sizeof(tape::record_header);

// Eight bytes of static thread storage: no allocation at a thread's first call, and no call to find it.
__attribute__((tls_model("initial-exec"))) thread_local constinit thread_state* self = nullptr;

constinit tape::file the_tape;
constinit session_mechanisms operations[operation_count]{};
constinit encoding how{};
constinit const settings* the_settings = nullptr;
constinit const recorded_module* the_module = nullptr;
constinit std::atomic<process_state*> process{nullptr};
constinit std::atomic<thread_state*> all_threads{nullptr};
constinit std::atomic<thread_state*> next_to_check{nullptr};
constinit std::atomic<u64> last_epoch{0};
constinit std::atomic<u64> said_end{0};  // the epoch in which people were told that the tape has ended
constinit std::atomic<bool> recording{false};

// What costs something only where a setting asks for it: one load and one test in each call.
enum extra_bits : u32 { extra_off = 1, extra_control = 2, extra_filter = 4, extra_log = 8 };
constinit std::atomic<u32> extras{0};
constinit control_file the_control;
constinit call_filter the_filter;

u32 thread_id() noexcept { return static_cast<u32>(syscall(SYS_gettid)); }

// ---- Making the recorder of this process ----

void forget_in_child() noexcept { process.load()->epoch.store(0); }

process_state* process_page() noexcept {
  process_state* p = process.load(std::memory_order_acquire);
  if (p != nullptr) return p;
  void* page = mmap(nullptr, sizeof(process_state), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  const bool wiped = madvise(page, sizeof(process_state), MADV_WIPEONFORK) == 0;
  madvise(page, sizeof(process_state), MADV_DONTDUMP);
  auto* mine = static_cast<process_state*>(page);
  if (!process.compare_exchange_strong(p, mine, std::memory_order_acq_rel)) {
    munmap(page, sizeof(process_state));
    return p;
  }
  if (!wiped) pthread_atfork(nullptr, nullptr, forget_in_child);  // kernels before 4.14
  return mine;
}

void make_pin_key(pin_memory& pins) noexcept {
  if (syscall(SYS_getrandom, pins.key, sizeof pins.key, 1 /* GRND_NONBLOCK */) == sizeof pins.key) return;
  pins.key[0] = now();
  pins.key[1] = reinterpret_cast<std::uintptr_t>(&pins) ^ static_cast<u64>(getpid());
}

void make_recorder(process_state& p) noexcept {
  all_threads.store(nullptr);
  next_to_check.store(nullptr);
  make_pin_key(p.pins);
  how.profile = static_cast<std::size_t>(the_settings->profile()) - 1;
  how.most_bytes = most_public_bytes;
  how.most_payload = the_settings->number(setting::payload_limit);
  how.pins = &p.pins;
  how.operations = operations;
  const bool wanted = the_control.first_look(*the_settings);
  if (!wanted) the_tape.forget();
  recording.store(wanted && make_tape(the_tape, *the_settings, *the_module));
  the_filter.configure(*the_settings);
  u32 asked = extras.load() & ~u32{extra_filter | extra_log};
  if (the_filter.any()) asked |= extra_filter;
  if (start_log(*the_settings)) asked |= extra_log;
  extras.store(asked);
  p.epoch.store(last_epoch.fetch_add(1) + 1, std::memory_order_release);
}

// The recorder of this process, made by whoever comes first. False where this very thread is making it (a signal
// handler has come in between), or where it takes too long.
bool ensure_recorder(process_state& p) noexcept {
  using stage = process_state::stage;
  for (int waits = 0; p.state.load(std::memory_order_acquire) != stage::ready; ++waits) {
    auto expected = stage::nothing;
    const u32 me = thread_id();
    if (p.state.compare_exchange_strong(expected, stage::being_made)) {
      p.maker.store(me);
      make_recorder(p);
      p.state.store(stage::ready, std::memory_order_release);
      return true;
    }
    if (p.maker.load() == me || waits > 50000) return false;
    kernel::pause(100000);
  }
  return true;
}

// ---- Thread states ----

bool has_ended(u32 thread) noexcept {
  return syscall(SYS_tgkill, getpid(), static_cast<pid_t>(thread), 0) != 0 && errno == ESRCH;
}

void leave_to_heirs(thread_state& t) noexcept {
  tape::left_behind(t.kept.chunk);
  tape::left_behind(t.ring.chunk);
  tape::left_behind(&t);
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

thread_state* thread_for(process_state& p) noexcept {
  const u32 me = thread_id();
  u32 id_before = 0;
  thread_state* t = take_over(me, id_before);
  const bool fresh = t == nullptr;
  if (fresh) {
    void* memory = mmap(nullptr, sizeof(thread_state), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    t = static_cast<thread_state*>(memory);
    t->id.store(me, std::memory_order_relaxed);
  }
  const u64 number_before = t->number;
  t->number = p.threads.fetch_add(1) + 1;
  t->epoch = p.epoch.load();
  t->call = t->ordinal = t->depth = t->templates.call = 0;
  t->busy = nullptr;
  t->pages = {};
  t->exchange_stack = nullptr;
  if (t->pending != nullptr) t->pending->call = 0;
  if (fresh) {
    t->next = all_threads.load(std::memory_order_relaxed);
    while (!all_threads.compare_exchange_weak(t->next, t, std::memory_order_acq_rel)) {
    }
  } else {
    const u64 time = now();
    the_tape.hand_on(t->kept, tape::chunk_kind::kept, id_before, number_before, me, t->number, time);
    the_tape.hand_on(t->ring, tape::chunk_kind::ring, id_before, number_before, me, t->number, time);
  }
  return t;
}

u64 current_epoch() noexcept {
  const process_state* p = process.load(std::memory_order_acquire);
  return p != nullptr ? p->epoch.load(std::memory_order_acquire) : 0;
}

// A replay that is recorded itself looks things up on a thread of a certain name; its tape says which thread that is.
void mark_lookups(thread_state& t) noexcept {
  alignas(8) char name[16] = {};
  static_assert(sizeof tape::lookup_thread_name <= sizeof name);
  if (prctl(PR_GET_NAME, name) != 0 || std::strncmp(name, tape::lookup_thread_name, sizeof name) != 0) return;
  tape::record_header note{};
  note.kind = static_cast<u8>(tape::record_kind::note);
  append_record(t, true, note, reinterpret_cast<const u8*>(name), sizeof name);
}

__attribute__((noinline, cold)) thread_state* acquire() noexcept {
  const slow_path guard;
  process_state* p = process_page();
  if (p == nullptr || the_settings == nullptr || !ensure_recorder(*p)) return nullptr;
  self = thread_for(*p);
  if (self != nullptr) mark_lookups(*self);
  return self;
}

// ---- Writing records ----

// The same call with the same arguments, open so many times: the module leads back here.
bool is_loop(const thread_state& t, cryptoki::function f, const u64* words) noexcept {
  const std::size_t size = cryptoki::row(f).arguments.size() * sizeof(u64);
  u32 same = 0;
  for (u32 i = 0; i < t.depth; ++i) {
    const auto& o = t.open[i];
    if (o.function == static_cast<u16>(f) && std::memcmp(o.words, words, size) == 0) ++same;
  }
  return same >= same_call_again;
}

struct record_about {
  tape::record_kind kind;
  u8 depth;
  cryptoki::function function;
  u32 call;
  u64 time;  ///< 0: taken when the body is done
};

void finish(thread_state& t, tape::lane& l, const record_about& about, u64 size) noexcept {
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

bool fresh_chunk(thread_state& t, tape::lane& l, tape::chunk_kind kind, u32 least) noexcept {
  const slow_path guard;
  if (the_tape.take_chunk(l, kind, least, t.id.load(std::memory_order_relaxed), t.number)) return true;
  if (the_tape.has_broken_off() && said_end.exchange(t.epoch) != t.epoch)
    say("the tape %s ends here: %s. Calls are forwarded without being recorded.", the_tape.path(),
        the_tape.lost() ? "somebody has cut it short, or the disk fails"
                        : "there is no more space (disk, quota or ulimit -f), or it has been deleted");
  return false;
}

bool large_room(thread_state& t) noexcept {
  if (t.large != nullptr) return true;
  const slow_path guard;
  void* memory = mmap(nullptr, large_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
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

template <class Body>
bool put_in(thread_state& t, tape::lane& l, tape::chunk_kind kind, const record_about& about, encoder& e,
            Body body) noexcept {
  constexpr u64 head = sizeof(tape::record_header);
  for (int attempt = 0; attempt < 2; ++attempt) {
    const bool room = l.chunk != nullptr && l.size - l.used >= head;
    if (!room || attempt > 0) {
      const bool fresh = l.chunk != nullptr && l.used == sizeof(tape::chunk_header);
      if (fresh && room) break;  // it does not fit into a whole one
      if (!fresh_chunk(t, l, kind, 0)) return false;
    }
    sink out(l.chunk + l.used + head, l.size - l.used - head);
    body(e, out);
    if (!out.overflowed()) [[likely]] {
      finish(t, l, about, static_cast<u64>(out.position() - (l.chunk + l.used)));
      return true;
    }
  }
  if (!large_room(t)) return false;
  for (int attempt = 0; attempt < 2; ++attempt) {
    sink out(t.large, large_size);
    body(e, out);
    if (!out.overflowed()) return put_large(t, l, kind, about, static_cast<u64>(out.position() - t.large));
    if (attempt == 0) the_tape.count(tape::counter::shortened);
    e.shorten();
  }
  return false;
}

template <class Body>
bool put(thread_state& t, bool kept, const record_about& about, encoder& e, Body body) noexcept {
  if (kept && put_in(t, t.kept, tape::chunk_kind::kept, about, e, body)) return true;
  return put_in(t, t.ring, tape::chunk_kind::ring, about, e, body);
}

__attribute__((noinline, cold)) bool on_other_stack() noexcept {
  const slow_path guard;
  stack_t s{};
  return sigaltstack(nullptr, &s) == 0 && (s.ss_flags & SS_ONSTACK) != 0;
}

// True where the call of the older frame has ended, although it never returned: the stack grows down, so that what
// lives lies above a newer frame; unless that one is of a signal handler on a stack of its own.
bool has_been_left(const void* older, const void* newer) noexcept { return older <= newer && !on_other_stack(); }

bool belongs_to_kept(cryptoki::function f) noexcept {
  switch (plan_of(f).goes) {
    case keeping::kept:
      return the_tape.kept_has_room();
    case keeping::kept_half:
      return the_tape.kept_has_half();
    default:
      return false;
  }
}

// ---- What only some settings ask for ----

__attribute__((noinline, cold)) void look_at_control() noexcept {
  const u64 time = now();
  if (!the_control.is_due(time)) return;
  const slow_path guard;
  const bool wanted = the_control.look(*the_settings);
  if (wanted == recording.load()) return;
  if (!wanted) {
    recording.store(false);
    the_tape.stop(tape::stop_reason::switched_off, time);
  } else if (the_tape.is_open()) {
    the_tape.resume();
    recording.store(true);
  } else {
    recording.store(make_tape(the_tape, *the_settings, *the_module));
  }
}

__attribute__((noinline, cold)) void log_beginning(thread_state& t, const frame& f,
                                                   cryptoki::function function) noexcept {
  const auto begin = [&] {
    log::begin_call(t.log_room, {t.id.load(std::memory_order_relaxed), t.number, f.depth, static_cast<u16>(function),
                                 !f.pending, t.last.time, t.last.body, t.last.size});
  };
  if (the_settings->number(setting::log_entry) != 0) {
    const slow_path guard;
    return begin();
  }
  const cancellation_held guard;  // nothing is written yet: the arguments are put by
  begin();
}

__attribute__((noinline, cold)) void log_ending(thread_state& t, const frame& f, u64 rv) noexcept {
  const slow_path guard;
  log::end_call(t.log_room, {f.depth, t.last.time, rv, t.last.body, t.last.size});
}

// Whether a call that a filter may leave out is recorded after all.
__attribute__((noinline, cold)) bool decide_pending(thread_state& t, const frame& f, cryptoki::function function,
                                                    u64 time, u64 rv) noexcept {
  if (!is_pending(t) || t.pending->call != f.call) return true;  // decided by what came since
  const u64 start = t.pending->time;
  if (the_filter.keeps(function, time > start ? time - start : 0, rv)) {
    keep_pending(t, the_tape);
    return true;
  }
  drop_pending(t, the_tape);
  the_tape.count_filtered(static_cast<u16>(function));
  return false;
}

}  // namespace

void introduce(const settings& s, const recorded_module& m) noexcept {
  the_settings = &s;
  the_module = &m;
  const bool controlled = s.text(setting::control)[0] != 0;
  extras.store(controlled ? u32{extra_control} : s.number(setting::record) == 0 ? u32{extra_off} : 0);
}

void make_tape() noexcept {
  if (extras.load() & extra_off) return;
  const slow_path guard;
  if (process_state* p = process_page(); p != nullptr) ensure_recorder(*p);
}

bool enter(frame& f, cryptoki::function function, const u64* words) noexcept {
  f.recorded = false;
  f.pending = false;
  f.epoch = 0;
  u32 extra = extras.load(std::memory_order_relaxed);
  if (extra & extra_off) [[unlikely]]
    return true;
  thread_state* t = self;
  if (t == nullptr || t->epoch != current_epoch()) [[unlikely]] {
    t = acquire();
    if (t == nullptr) return true;
    extra = extras.load(std::memory_order_relaxed);
  }
  if (t->busy != nullptr && !has_been_left(t->busy, &f)) [[unlikely]] {
    the_tape.count(tape::counter::interrupted);
    return true;
  }
  f.epoch = t->epoch;
  while (t->depth > 0 && has_been_left(t->open[t->depth - 1].stack, &f)) --t->depth;
  f.depth = static_cast<u8>(t->depth);
  if (t->depth >= same_call_again && is_loop(*t, function, words)) [[unlikely]] {
    const slow_path guard;
    the_tape.count(tape::counter::loops);
    say("%s leads back to itself: the module %s calls this shim again. The call was refused. Is the module that is to "
        "be "
        "recorded this shim, or does it load it (p11-kit)?",
        cryptoki::row(function).name.data(), the_module->path);
    f.epoch = 0;
    return false;
  }
  if (t->depth < thread_state::deepest) t->open[t->depth++] = {&f, words, static_cast<u16>(function), false, 0};
  if (extra & extra_control) [[unlikely]]
    look_at_control();
  if (!recording.load(std::memory_order_relaxed)) {
    the_tape.count(tape::counter::switched_off);
    return true;
  }

  t->busy = &f;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (extra & extra_filter && is_pending(*t))
      [[unlikely]]  // the call inside or after it shows that it is worth keeping
    keep_pending(*t, the_tape);
  f.call = ++t->call;
  f.kept = belongs_to_kept(function);
  if (f.depth < thread_state::deepest) {
    t->open[f.depth].kept = f.kept;
    t->open[f.depth].call = f.call;
  }
  encoder e(how, t->pages, f.caps, t->templates, f.call, &t->room);
  e.remember_mechanism(function, words);
  if (extra & extra_filter && the_filter.may_drop(function)) [[unlikely]]
    f.recorded = f.pending = hold_call(*t, the_tape, f, function, words, e);
  if (!f.pending)
    f.recorded = put(*t, f.kept, {tape::record_kind::enter, f.depth, function, f.call, 0}, e,
                     [&](encoder& with, sink& out) noexcept { with.enter(out, function, words); });
  if (!f.recorded) the_tape.count(tape::counter::no_space);
  if (extra & extra_log && f.recorded) [[unlikely]]
    log_beginning(*t, f, function);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  t->busy = nullptr;
  leave_to_heirs(*t);
  return true;
}

void leave(frame& f, cryptoki::function function, const u64* words, u64 rv) noexcept {
  if (f.epoch == 0) return;
  const u64 time = f.recorded ? now() : 0;
  thread_state* t = self;
  if (t == nullptr || t->epoch != f.epoch || current_epoch() != f.epoch) [[unlikely]] {
    // The module forked inside the call, and this is the child: the call is on the parent's tape.
    if (current_epoch() != 0) the_tape.count(tape::counter::orphan_results);
    return;
  }
  t->depth = f.depth;
  if (!f.recorded || (t->busy != nullptr && !has_been_left(t->busy, &f))) return;
  t->busy = &f;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (f.pending) [[unlikely]]
    if (!decide_pending(*t, f, function, time, rv)) {
      t->busy = nullptr;
      return;
    }
  encoder e(how, t->pages, f.caps, t->templates, f.call, &t->room);
  const bool done = put(*t, f.kept, {tape::record_kind::leave, f.depth, function, f.call, time}, e,
                        [&](encoder& with, sink& out) noexcept {
                          out.number(rv);
                          with.leave(out, function, words, rv);
                        });
  if (!done) the_tape.count(tape::counter::no_space);
  if (extras.load(std::memory_order_relaxed) & extra_log && done) [[unlikely]]
    log_ending(*t, f, rv);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  t->busy = nullptr;
  leave_to_heirs(*t);
}

// ---- What is recorded inside a call ----

thread_state* recording_thread() noexcept {
  if (!recording.load(std::memory_order_relaxed)) return nullptr;
  thread_state* t = self;
  if (t == nullptr || t->epoch != current_epoch()) t = acquire();
  if (t == nullptr || !recording.load(std::memory_order_relaxed)) return nullptr;
  if (t->busy != nullptr) {
    the_tape.count(tape::counter::interrupted);
    return nullptr;
  }
  return t;
}

bool is_current(const thread_state& t) noexcept { return self == &t && t.epoch == current_epoch(); }

const open_call* innermost_call(const thread_state& t, const void* stack) noexcept {
  u32 depth = t.depth;
  while (depth > 0 && t.open[depth - 1].stack <= stack) --depth;
  return depth > 0 ? &t.open[depth - 1] : nullptr;
}

// Other threads' states are looked at while they change: their owners write them without atomics, for the sake of the
// hot path. A torn look makes a wrong guess at worst, and the record says that it is one.
__attribute__((no_sanitize("thread"))) int only_thread_in_call(const thread_state*& thread, u32& call) noexcept {
  const slow_path guard;
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

bool append_record(thread_state& t, bool kept, const tape::record_header& like, const u8* body, u64 size) noexcept {
  constexpr u64 head = sizeof(tape::record_header);
  const record_about about{static_cast<tape::record_kind>(like.kind), like.depth,
                           static_cast<cryptoki::function>(like.function), like.call, like.time};
  const auto put_into = [&](tape::lane& l, tape::chunk_kind kind) noexcept {
    if (l.chunk == nullptr || l.size - l.used < size + head)
      if (!fresh_chunk(t, l, kind, kind == tape::chunk_kind::kept ? static_cast<u32>(size + head) : 0)) return false;
    if (l.size - l.used < size + head) {  // larger than a whole chunk
      if (!large_room(t) || size > large_size) return false;
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
