#include "capture/recorder.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "capture/clock.hpp"
#include "capture/message.hpp"
#include "capture/thread.hpp"

namespace p11tape::capture {
namespace {

constexpr u32 same_call_again = 16;          // so often inside itself, a call is a loop
constexpr u64 most_public_bytes = 8 * 1024;  // of one value
constexpr u64 large_size = u64{1} << 20;     // of one record
constexpr u64 large_part = 8 * 1024;         // pieces of a large record: two to a chunk

// Eight bytes of static thread storage: no allocation at a thread's first call, and no call to find it.
__attribute__((tls_model("initial-exec"))) thread_local constinit thread_state* self = nullptr;

constinit tape::file the_tape;
constinit session_mechanisms messages{};
constinit session_mechanisms signers{};
constinit encoding how{};
constinit const settings* the_settings = nullptr;
constinit const recorded_module* the_module = nullptr;
constinit std::atomic<process_state*> process{nullptr};
constinit std::atomic<thread_state*> all_threads{nullptr};
constinit std::atomic<thread_state*> next_to_check{nullptr};
constinit std::atomic<u64> last_epoch{0};
constinit std::atomic<bool> recording{false};

u32 thread_id() noexcept { return static_cast<u32>(syscall(SYS_gettid)); }

// Work that the kernel is asked for: errno is the host's, and a pending cancellation must not strike in the middle.
class slow_path {
 public:
  slow_path() noexcept { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_); }
  ~slow_path() noexcept {
    int ignored = 0;
    pthread_setcancelstate(cancel_, &ignored);
    errno = error_;
  }
  slow_path(const slow_path&) = delete;
  slow_path& operator=(const slow_path&) = delete;

 private:
  int error_ = errno;
  int cancel_ = 0;
};

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

void explain(tape::create_error error, const char* folder, bool given_up) noexcept {
  const char* instead =
      given_up ? "Calls are forwarded without being recorded." : "The default folder is used instead.";
  switch (error) {
    case tape::create_error::folder_unsafe:
      say("the folder %s (setting `dir`) is not safe for tapes: it must not be writable by everybody unless it has the "
          "sticky "
          "bit, and the default folder must be yours alone, mode 0700, and no link. %s",
          folder, instead);
      break;
    case tape::create_error::no_memory:
      say("there is no address space for a tape (ulimit -v?). %s", instead);
      break;
    case tape::create_error::no_space:
      say("there is no room for a tape in %s (disk, quota or ulimit -f): %s. %s", folder,
          strerrordesc_np(the_tape.error_number()), instead);
      break;
    default:
      say("no tape can be made in %s (setting `dir`) by user id %u: %s. %s", folder, geteuid(),
          strerrordesc_np(the_tape.error_number()), instead);
  }
}

void make_pin_key(pin_memory& pins) noexcept {
  if (syscall(SYS_getrandom, pins.key, sizeof pins.key, 1 /* GRND_NONBLOCK */) == sizeof pins.key) return;
  pins.key[0] = now();
  pins.key[1] = reinterpret_cast<std::uintptr_t>(&pins) ^ static_cast<u64>(getpid());
}

bool create_tape() noexcept {
  static char parent[4352];
  static char properties[24 * 1024];
  static char name[256];
  std::snprintf(parent, sizeof parent, "%s", the_tape.path());
  const bool is_child = parent[0] != 0;
  write_tape_name(name, sizeof name, the_settings->text(setting::name), *the_module);
  char own[64];
  std::snprintf(own, sizeof own, "/var/tmp/p11tape-%u", geteuid());
  tape::creation c{};
  c.name = name;
  c.schema = cryptoki::schema_text();
  c.limit = the_settings->number(setting::limit);
  c.keep = static_cast<u32>(the_settings->number(setting::keep));
  c.ring = the_settings->number(setting::when_full) == 0;
  c.records = the_settings->profile();
  c.properties = write_properties(properties, sizeof properties, *the_settings, *the_module,
                                  is_child ? parent : nullptr, the_settings->problems);
  const char* wanted = the_settings->text(setting::dir);
  if (wanted[0] != 0) {
    c.folder = wanted;
    const auto error = the_tape.create(c);
    if (error == tape::create_error::none) return true;
    explain(error, wanted, false);
  }
  c.folder = own;
  c.own_folder = true;
  const auto error = the_tape.create(c);
  if (error != tape::create_error::none) explain(error, own, true);
  return error == tape::create_error::none;
}

void make_recorder(process_state& p) noexcept {
  all_threads.store(nullptr);
  next_to_check.store(nullptr);
  make_pin_key(p.pins);
  how.profile = static_cast<std::size_t>(the_settings->profile()) - 1;
  how.most_bytes = most_public_bytes;
  how.most_payload = the_settings->number(setting::payload_limit);
  how.pins = &p.pins;
  how.messages = &messages;
  how.signers = &signers;
  recording.store(the_settings->number(setting::record) != 0 && create_tape());
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
    const timespec pause{0, 100000};
    nanosleep(&pause, nullptr);
  }
  return true;
}

// ---- Thread states ----

bool has_ended(u32 thread) noexcept {
  return syscall(SYS_tgkill, getpid(), static_cast<pid_t>(thread), 0) != 0 && errno == ESRCH;
}

// The state of a thread that has ended, chunks and all. Looks at a few of them only, and at others the next time.
thread_state* take_over(u32 me) noexcept {
  constexpr int looks = 8;
  for (int i = 0; i < looks; ++i) {
    thread_state* t = next_to_check.load(std::memory_order_relaxed);
    if (t == nullptr) t = all_threads.load(std::memory_order_acquire);
    if (t == nullptr) return nullptr;
    next_to_check.store(t->next, std::memory_order_relaxed);
    u32 id = t->id.load(std::memory_order_relaxed);
    // A state with my own id is that of a thread before me: mine would have been found.
    if ((id == me || has_ended(id)) && t->id.compare_exchange_strong(id, me, std::memory_order_acq_rel)) return t;
  }
  return nullptr;
}

thread_state* thread_for(process_state& p) noexcept {
  const u32 me = thread_id();
  thread_state* t = take_over(me);
  const bool fresh = t == nullptr;
  if (fresh) {
    void* memory = mmap(nullptr, sizeof(thread_state), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    t = static_cast<thread_state*>(memory);
    t->id.store(me, std::memory_order_relaxed);
  }
  t->number = p.threads.fetch_add(1) + 1;
  t->epoch = p.epoch.load();
  t->call = t->ordinal = t->depth = t->templates.call = 0;
  t->busy = false;
  t->pages = {};
  if (fresh) {
    t->next = all_threads.load(std::memory_order_relaxed);
    while (!all_threads.compare_exchange_weak(t->next, t, std::memory_order_acq_rel)) {
    }
  } else {
    const u64 time = now();
    if (t->kept.chunk != nullptr) the_tape.hand_on(t->kept, me, t->number, time);
    if (t->ring.chunk != nullptr) the_tape.hand_on(t->ring, me, t->number, time);
  }
  return t;
}

u64 current_epoch() noexcept {
  const process_state* p = process.load(std::memory_order_acquire);
  return p != nullptr ? p->epoch.load(std::memory_order_acquire) : 0;
}

__attribute__((noinline, cold)) thread_state* acquire() noexcept {
  const slow_path guard;
  process_state* p = process_page();
  if (p == nullptr || the_settings == nullptr || !ensure_recorder(*p)) return nullptr;
  self = thread_for(*p);
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
  the_tape.publish(l, static_cast<u32>(size));
}

bool fresh_chunk(thread_state& t, tape::lane& l, tape::chunk_kind kind, u32 least) noexcept {
  const slow_path guard;
  return the_tape.take_chunk(l, kind, least, t.id.load(std::memory_order_relaxed), t.number);
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
  if (t.large == nullptr) {
    const slow_path guard;
    void* memory =
        mmap(nullptr, large_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return false;
    t.large = static_cast<u8*>(memory);
  }
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

bool belongs_to_kept(cryptoki::function f) noexcept {
  const auto does = cryptoki::row(f).does;
  if (cryptoki::changes_state(does)) return the_tape.kept_has_room();
  // What describes tokens is worth keeping too, but polls must not fill the kept part.
  return does == cryptoki::effect::describe_token && the_tape.kept_has_half();
}

}  // namespace

void introduce(const settings& s, const recorded_module& m) noexcept {
  the_settings = &s;
  the_module = &m;
}

void make_tape() noexcept {
  const slow_path guard;
  if (process_state* p = process_page(); p != nullptr) ensure_recorder(*p);
}

bool enter(frame& f, cryptoki::function function, const u64* words) noexcept {
  f.recorded = false;
  f.epoch = 0;
  thread_state* t = self;
  if (t == nullptr || t->epoch != current_epoch()) [[unlikely]] {
    t = acquire();
    if (t == nullptr) return true;
  }
  if (t->busy) [[unlikely]] {
    the_tape.count(tape::counter::interrupted);
    return true;
  }
  f.epoch = t->epoch;
  // The stack grows down: calls whose frames are not above this one have ended, although they never returned.
  while (t->depth > 0 && t->open[t->depth - 1].stack <= &f) --t->depth;
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
  if (t->depth < thread_state::deepest) t->open[t->depth++] = {&f, words, static_cast<u16>(function)};
  if (!recording.load(std::memory_order_relaxed)) return true;

  t->busy = true;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  f.call = ++t->call;
  f.kept = belongs_to_kept(function);
  encoder e(how, t->pages, f.caps, t->templates, f.call, &t->room);
  e.remember_mechanism(function, words);
  f.recorded = put(*t, f.kept, {tape::record_kind::enter, f.depth, function, f.call, 0}, e,
                   [&](encoder& with, sink& out) noexcept { with.enter(out, function, words); });
  if (!f.recorded) the_tape.count(tape::counter::no_space);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  t->busy = false;
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
  if (!f.recorded || t->busy) return;
  t->busy = true;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  encoder e(how, t->pages, f.caps, t->templates, f.call, &t->room);
  const bool done = put(*t, f.kept, {tape::record_kind::leave, f.depth, function, f.call, time}, e,
                        [&](encoder& with, sink& out) noexcept {
                          out.number(rv);
                          with.leave(out, function, words, rv);
                        });
  if (!done) the_tape.count(tape::counter::no_space);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  t->busy = false;
}

}  // namespace p11tape::capture
