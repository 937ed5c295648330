// SPDX-License-Identifier: Apache-2.0
#include "capture/recorder.hpp"

#include <csignal>
#include <cstring>

#include "capture/host/clock.hpp"
#include "capture/host/message.hpp"
#include "capture/host/signals_deferred.hpp"
#include "capture/live_log.hpp"
#include "capture/make_tape.hpp"
#include "capture/pending.hpp"
#include "capture/recorder_state.hpp"
#include "capture/write_record.hpp"
#include "tape/tsan_handover.hpp"

namespace p11tape::capture {
namespace {

constexpr u32 same_call_again = 16;  // so often inside itself, a call is a loop

void leave_to_heirs(thread_state& t) noexcept {
  tape::left_behind(t.kept.chunk);
  tape::left_behind(t.ring.chunk);
  tape::left_behind(&t);
}

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

__attribute__((noinline, cold)) bool on_other_stack() noexcept {
  const signals_deferred guard;
  stack_t s{};
  return sigaltstack(nullptr, &s) == 0 && (s.ss_flags & SS_ONSTACK) != 0;
}

// True where the call of the older frame has ended, although it never returned: the stack grows down, so that what
// lives lies above a newer frame; unless that one is of a signal handler on a stack of its own.
bool has_been_left(const void* older, const void* newer) noexcept { return older <= newer && !on_other_stack(); }

bool belongs_to_kept(cryptoki::function f) noexcept {
  switch (plan_of(f).goes) {
    case retention::kept:
      return the_tape.kept_has_room();
    case retention::kept_half:
      return the_tape.kept_has_half();
    default:
      return false;
  }
}

// ---- What only some settings ask for ----

__attribute__((noinline, cold)) void look_at_control() noexcept {
  const u64 time = now();
  if (!the_control.is_due(time)) return;
  const signals_deferred guard;
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
    const signals_deferred guard;
    return begin();
  }
  const cancellation_held guard;  // nothing is written yet: the arguments are put by
  begin();
}

__attribute__((noinline, cold)) void log_ending(thread_state& t, const frame& f, u64 rv) noexcept {
  const signals_deferred guard;
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
    const signals_deferred guard;
    the_tape.count(tape::counter::loops);
    say("%s calls itself in a loop: the module %s calls this recorder again. The call was refused. Check that the "
        "recorded module is not the recorder, and does not load it (p11-kit).",
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
  if (!f.recorded || (t->busy != nullptr && !has_been_left(t->busy, &f))) {
    t->depth = f.depth;
    return;
  }
  t->busy = &f;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  t->depth = f.depth;  // busy first: to a signal handler's call in between, this one would look as if it had ended
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

}  // namespace p11tape::capture
