// SPDX-License-Identifier: Apache-2.0
#include "capture/recorder_state.hpp"

#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "capture/host/clock.hpp"
#include "capture/host/signals_deferred.hpp"
#include "capture/make_tape.hpp"
#include "capture/recorder.hpp"
#include "capture/start_live_log.hpp"
#include "tape/raw_syscalls.hpp"

namespace p11tape::capture {

__attribute__((tls_model("initial-exec"))) constinit thread_local thread_state* self = nullptr;
constinit tape::file the_tape;
constinit encoding how{};
constinit const settings* the_settings = nullptr;
constinit const recorded_module* the_module = nullptr;
constinit control_file the_control;
constinit call_filter the_filter;
constinit std::atomic<process_state*> process{nullptr};
constinit std::atomic<bool> recording{false};
constinit std::atomic<u32> extras{0};

namespace {

constinit session_mechanisms operations[operation_count]{};
constinit known_values numbers{};
constinit known_values contents{};
constinit std::atomic<u64> last_epoch{0};

// Kernels before 4.14 do not wipe the page in a child: fork does it there, through libc's handlers. A child that was made
// by the system call alone is not noticed, and goes on writing to its parent's tape.
void forget_in_child() noexcept { std::memset(static_cast<void*>(process.load()), 0, sizeof(process_state)); }

process_state* process_page() noexcept {
  process_state* p = process.load(std::memory_order_acquire);
  if (p != nullptr) return p;
  void* page = mmap(nullptr, sizeof(process_state), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  const bool wiped = madvise(page, sizeof(process_state), MADV_WIPEONFORK) == 0;
  if (!wiped) the_tape.keep_in_children();
  madvise(page, sizeof(process_state), MADV_DONTDUMP);
  mlock(page, sizeof(process_state));  // not swapped out, where the host may lock a page at all
  auto* mine = static_cast<process_state*>(page);
  if (!process.compare_exchange_strong(p, mine, std::memory_order_acq_rel)) {
    munmap(page, sizeof(process_state));
    return p;
  }
  if (!wiped) pthread_atfork(nullptr, nullptr, forget_in_child);
  return mine;
}

void make_key(u64 (&key)[2]) noexcept {
  if (syscall(SYS_getrandom, key, sizeof key, 1 /* GRND_NONBLOCK */) == sizeof key) return;
  // Before Linux 3.17: what the kernel gave this program at its start.
  if (const auto* given = reinterpret_cast<const void*>(getauxval(AT_RANDOM))) std::memcpy(key, given, sizeof key);
  key[0] = (key[0] ^ now()) * 0x9e3779b97f4a7c15;
  key[1] ^= reinterpret_cast<std::uintptr_t>(&key) ^ static_cast<u64>(getpid());
}

void make_recorder(process_state& p) noexcept {
  look_at_counter();
  forget_threads();
  make_key(p.pins.key);
  make_key(how.room_key);
  how.profile = static_cast<std::size_t>(the_settings->profile()) - 1;
  how.most_bytes = most_public_bytes;
  how.most_payload = the_settings->number(setting::payload_limit);
  how.pins = &p.pins;
  how.operations = operations;
  how.numbers = &numbers;
  how.contents = &contents;
  forget_operations();
  const bool wanted = the_control.first_look(*the_settings);
  if (!wanted) the_tape.forget();
  recording.store(wanted && make_tape(the_tape, *the_settings, *the_module));
  if (the_tape.is_reserved()) {
    reserve_threads();
    stop_probing();
  }
  the_filter.configure(*the_settings);
  u32 asked = extras.load() & (extra_off | extra_control);
  if (the_filter.any()) asked |= extra_filter;
  if (start_log(*the_settings)) asked |= extra_log;
  if (!recording.load()) asked |= extra_no_tape;
  if (the_tape.is_written()) asked |= extra_written;
  if (how.profile != 0) asked |= extra_profile;
  extras.store(asked);
  p.epoch.store(last_epoch.fetch_add(1) + 1, std::memory_order_release);
}

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

}  // namespace

process_state* ready_process() noexcept {
  if (the_settings == nullptr) return nullptr;
  process_state* p = process_page();
  return p != nullptr && ensure_recorder(*p) ? p : nullptr;
}

void forget_operations() noexcept {
  for (auto& o : operations) o.forget();
  numbers.forget();
  contents.forget();
}

void introduce(const settings& s, const recorded_module& m) noexcept {
  the_settings = &s;
  the_module = &m;
  const bool controlled = s.text(setting::control)[0] != 0;
  extras.store(controlled ? u32{extra_control} : s.number(setting::record) == 0 ? u32{extra_off} : 0);
}

void make_tape() noexcept {
  if (extras.load() & extra_off) return;
  const signals_deferred guard;
  ready_process();
}

}  // namespace p11tape::capture
