// SPDX-License-Identifier: Apache-2.0
#include "capture/recorder.hpp"

#include <csignal>
#include <cstring>

#include "capture/held_call.hpp"
#include "capture/host/clock.hpp"
#include "capture/host/message.hpp"
#include "capture/host/signals_deferred.hpp"
#include "capture/make_tape.hpp"
#include "capture/plain_call.hpp"
#include "capture/recorder_state.hpp"
#include "capture/start_live_log.hpp"
#include "capture/write_record.hpp"

namespace p11tape::capture {
namespace {

constexpr u32 same_call_again = 16;  // so often inside itself, a call is a loop

// The same call with the same arguments, open so many times: the module leads back here.
__attribute__((noinline, cold)) bool is_loop(const thread_state& t, cryptoki::function f, const u64* words) noexcept {
  const std::size_t size = cryptoki::row(f).arguments.size() * sizeof(u64);
  u32 same = 0;
  for (u32 i = 0; i < t.depth; ++i) {
    const auto& o = t.open[i];
    if (o.function == static_cast<u16>(f) && std::memcmp(o.words, words, size) == 0) ++same;
  }
  return same >= same_call_again;
}

__attribute__((noinline, cold)) void tell_loop(cryptoki::function f) noexcept {
  const signals_deferred guard;
  the_tape.count(tape::counter::loops);
  say("%s calls itself in a loop: the module %s calls this recorder again. The call was refused. Check that the "
      "recorded module is not the recorder, and does not load it (p11-kit).",
      cryptoki::row(f).name.data(), the_module->path);
}

__attribute__((noinline, cold)) bool on_other_stack() noexcept {
  if (the_tape.is_reserved()) return false;  // only a system call would tell
  const signals_deferred guard;
  stack_t s{};
  return sigaltstack(nullptr, &s) == 0 && (s.ss_flags & SS_ONSTACK) != 0;
}

// True where the call of the older frame has ended, although it never returned: the stack grows down, so that what
// lives lies above a newer frame; unless that one is of a signal handler on a stack of its own.
bool has_been_left(const void* older, const void* newer) noexcept { return older <= newer && !on_other_stack(); }

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
    forget_operations();
    the_tape.resume();
    recording.store(true);
  } else {
    recording.store(make_tape(the_tape, *the_settings, *the_module));
  }
}

__attribute__((noinline, cold)) void log_beginning(thread_state& t, const frame& f,
                                                   cryptoki::function function) noexcept {
  if (t.held.call == f.call && !t.held.in_memory) t.last = {held_body(*t.slot), t.held.size, t.held.time, t.held.flags};
  const auto begin = [&] {
    log::begin_call(t.log_room, {t.id.load(std::memory_order_relaxed), t.number, f.depth, static_cast<u16>(function),
                                 !f.pending, kernel_time_of(t.last.time, t.last.flags), t.last.body, t.last.size});
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
  log::end_call(t.log_room, {f.depth, kernel_time_of(t.last.time, t.last.flags), rv, t.last.body, t.last.size});
}

// Said once: the times of the records from here on are the kernel's.
void note_clock_change() noexcept {
  static constexpr char text[] =
      "From here on, times are the kernel's: the CPU's counter and CLOCK_MONOTONIC have drifted apart "
      "(suspend, live migration?).      ";
  thread_state& t = *self;
  append(t, true, {tape::record_kind::note, the_clock.kernel_flag.load(), 0, cryptoki::function{}, 0, now()},
         {{}, {reinterpret_cast<const u8*>(text), (sizeof text - 1) / 8 * 8}, {}}, end_room(t.depth + 2u));
}

// ---- The beginning of a call ----

// An ENTER that does not fit into the thread's slot is appended whole, or kept in memory if a filter may leave it out.
__attribute__((noinline, cold)) bool begin_large(thread_state& t, frame& f, cryptoki::function function,
                                                 const u64* words, encoder& e) noexcept {
  if (t.slot == nullptr && the_tape.is_open()) {  // the tape was made after the thread's first call
    const signals_deferred guard(!the_tape.is_reserved());
    give_slot(t);
  }
  if (f.pending && t.slot != nullptr && hold_in_memory(t, f, function, words, e)) return true;
  f.pending = false;
  if (!large_room(t)) return false;
  for (int attempt = 0; attempt < 2; ++attempt) {
    sink out(t.large, largest_record_body);
    e.enter(out, function, words);
    if (!out.overflowed()) {
      const auto size = static_cast<u64>(out.position() - t.large);
      u8 flags = 0;
      const u64 time = record_time(flags);
      const record_about about{tape::record_kind::enter, flags, f.depth, function, f.call, time};
      if (!append(t, f.kept, about, {{}, {t.large, size}, {}}, end_room(f.depth + 1u))) return false;
      if (f.depth < thread_state::deepest) t.open[f.depth].appended = true;
      count_open(t);
      t.last = {t.large, size, time, flags};
      return true;
    }
    if (attempt == 0) the_tape.count(tape::counter::shortened);
    e.shorten();
  }
  return false;
}

// The ENTER goes into the thread's slot, with room for its end reserved.
[[gnu::always_inline]] inline bool begin(thread_state& t, frame& f, cryptoki::function function, const u64* words,
                                         encoder& e) noexcept {
  if (t.slot == nullptr) [[unlikely]]
    return begin_large(t, f, function, words, e);
  the_tape.open_slot(*t.slot);
  u8* const body = held_body(*t.slot);
  sink out(body, sizeof t.slot->record - record_head);
  e.enter(out, function, words);
  if (out.overflowed()) [[unlikely]]
    return begin_large(t, f, function, words, e);
  const auto size = static_cast<u64>(out.position() - body);
  const u64 needed = record_head + sizeof(tape::call_head) + 8 + size + end_room(f.depth);
  if ((f.kept ? t.kept : t.ring).room() < needed) [[unlikely]]
    if (!make_room(t, f.kept, needed)) return false;
  u8 flags = 0;
  u64 time = record_time(flags);
  if (is_pair_due(time, flags)) [[unlikely]] {
    look_at_clocks();
    time = record_time(flags);
  }
  publish_held(t, {tape::record_kind::enter, flags, f.depth, function, f.call, time}, f.kept, size);
  return true;
}

// ---- The end of a call ----

// Whether a call that a filter may leave out is recorded after all.
__attribute__((noinline, cold)) bool decide_pending(thread_state& t, const frame& f, cryptoki::function function,
                                                    u64 time, u8 flags, u64 rv) noexcept {
  if (t.held.call != f.call) return true;  // decided by what came since
  const u64 ticks = flags == t.held.flags && time > t.held.time ? time - t.held.time : 0;
  if (the_filter.keeps(function, duration_ns(ticks, flags), rv)) return true;
  drop_held(t);
  the_tape.count_filtered(static_cast<u16>(function));
  return false;
}

// The outputs of a call, encoded: in the thread's room for results, or in the large one.
struct results {
  const u8* at;
  u64 size;
};

__attribute__((noinline, cold)) results encode_large(thread_state& t, cryptoki::function function, const u64* words,
                                                     u64 rv, encoder& e) noexcept {
  for (int attempt = 0; attempt < 2 && large_room(t); ++attempt) {
    sink out(t.large, largest_record_body);
    out.number(rv);
    e.leave(out, function, words, rv);
    if (!out.overflowed()) return {t.large, static_cast<u64>(out.position() - t.large)};
    e.shorten();
    if (attempt == 0) the_tape.count(tape::counter::shortened);
  }
  return {t.results, 8};  // the return value alone
}

// Everything but the plain case: a call whose ENTER is appended already, or that does not fit.
__attribute__((noinline, cold)) bool end_slowly(thread_state& t, const frame& f, cryptoki::function function, u64 time,
                                                u8 flags, const results& r) noexcept {
  const auto held = t.held;
  bool whole = held.call == f.call && !held.in_memory && !held.has_more && held.flags == flags;
  if (held.call == f.call && !whole) append_held(t);
  record_about about{tape::record_kind::leave, flags, f.depth, function, f.call, time};
  const u64 call_head[2] = {le(u64{held.size}), le(time - held.time)};
  piece first[2];
  if (whole) {
    about.kind = tape::record_kind::call;
    about.time = held.time;
    first[0] = {reinterpret_cast<const u8*>(call_head), sizeof call_head};
    first[1] = {held_body(*t.slot), held.size};
  }
  bool done = append(t, f.kept, about, {first[0], first[1], {r.at, r.size}}, end_room(f.depth));
  if (!done) {
    // Room for this was kept free when the call began.
    about.flags |= tape::record_no_outputs;
    done = append(t, f.kept, about, {first[0], first[1], {r.at, 8}}, end_room(f.depth));
    if (done) the_tape.count(tape::counter::shortened);
  }
  if (whole) drop_held(t);
  count_open(t);
  return done;
}

// The record of a call that begins, and what the thread's state says of it from then on.
[[gnu::always_inline]] inline void record_beginning(thread_state& t, frame& f, cryptoki::function function,
                                                    const u64* words, encoder& e) noexcept {
  f.recorded = begin(t, f, function, words, e);
  if (f.depth < thread_state::deepest) {
    auto& open = t.open[f.depth];
    open.kept = f.kept;
    open.may_be_dropped = f.pending;
    open.call = f.recorded ? f.call : 0;
  }
  if (!f.recorded) the_tape.count(tape::counter::no_space);
}

}  // namespace

__attribute__((noinline, cold)) void look_at_clocks() noexcept {
  if (!take_pair(the_tape)) note_clock_change();
}

// After a call that took long, nobody minds the next chunk being taken now, if this one has little left.
__attribute__((noinline, cold)) void after_long_call(thread_state& t, const frame& f, u64 time, u8 flags) noexcept {
  if (is_pair_due(time, flags)) look_at_clocks();
  auto& l = f.kept ? t.kept : t.ring;
  const bool little_left = l.chunk != nullptr && l.room() < l.size / 16;
  if (little_left && (!f.kept || the_tape.kept_has_room()))
    fresh_chunk(t, l, f.kept ? tape::chunk_kind::kept : tape::chunk_kind::ring, 0);
}

__attribute__((noinline, cold)) void begin_slowly(thread_state& t, frame& f, cryptoki::function function,
                                                  const u64* words) noexcept {
  encoder e(how, t.pages, f.caps, t.rooms, f.depth, &t.room);
  f.plain = false;
  record_beginning(t, f, function, words, e);
}

bool enter(frame& f, cryptoki::function function, const u64* words) noexcept {
  f.recorded = false;
  f.pending = false;
  f.plain = false;
  f.epoch = 0;
  u32 extra = extras.load(std::memory_order_relaxed);
  if (extra & extra_off) [[unlikely]]
    return true;
  thread_state* t = self;
  // Epoch 0 is nobody's: the state of a thread reads zero in a child of fork.
  if (t == nullptr || t->epoch == 0 || t->epoch != current_epoch()) [[unlikely]] {
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
    tell_loop(function);
    f.epoch = 0;
    return false;
  }
  if (t->depth < thread_state::deepest)
    t->open[t->depth++] = {&f, words, 0, static_cast<u16>(function), false, false, false};
  if (extra & extra_control) [[unlikely]]
    look_at_control();
  if (!recording.load(std::memory_order_relaxed)) {
    the_tape.count(tape::counter::switched_off);
    return true;
  }

  t->busy = &f;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (t->held.call != 0) [[unlikely]]  // a call inside it, or after one that never returned
    append_held(*t);
  f.call = ++t->call;
  const auto& plan = plan_of(function);
  f.kept = belongs_to_kept(plan.goes);
  f.pending = (extra & extra_filter) != 0 && the_filter.may_drop(function);
  encoder e(how, t->pages, f.caps, t->rooms, f.depth, &t->room);
  if (plan.changes_mechanism) e.remember_mechanism(plan, words);
  record_beginning(*t, f, function, words, e);
  if (extra & extra_log && f.recorded) [[unlikely]]
    log_beginning(*t, f, function);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  t->busy = nullptr;
  leave_to_heirs(*t);
  return true;
}

void leave(frame& f, cryptoki::function function, const u64* words, u64 rv) noexcept {
  if (f.epoch == 0) return;
  u8 flags = 0;
  const u64 time = f.recorded ? record_time(flags) : 0;
  leave_at(f, function, words, rv, time, flags);
}

void leave_at(frame& f, cryptoki::function function, const u64* words, u64 rv, u64 time, u8 flags) noexcept {
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
  if (const auto& plan = plan_of(function); plan.begins) {
    encoder e(how, t->pages, f.caps, t->rooms, f.depth, &t->room);
    e.settle_mechanism(plan, words, rv);
  }
  if (function == cryptoki::function::C_Finalize && rv == CKR_OK) [[unlikely]]
    forget_pins(*how.pins);
  if (f.pending) [[unlikely]]
    if (!decide_pending(*t, f, function, time, flags, rv)) {
      t->busy = nullptr;
      return;
    }
  end_call(*t, f, function, words, rv, time, flags);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  t->busy = nullptr;
  leave_to_heirs(*t);
}

void end_call(thread_state& t, const frame& f, cryptoki::function function, const u64* words, u64 rv, u64 time,
              u8 flags) noexcept {
  auto caps = f.caps;
  encoder e(how, t.pages, caps, t.rooms, f.depth, &t.room);
  sink out(t.results, thread_state::most_results);
  out.number(rv);
  e.leave(out, function, words, rv);
  results r{t.results, static_cast<u64>(out.position() - t.results)};
  if (out.overflowed()) [[unlikely]]
    r = encode_large(t, function, words, rv, e);
  const auto& held = t.held;
  const u64 began = held.call == f.call ? held.time : time;
  bool done = false;
  if (held.call == f.call && held.flags == flags && !held.in_memory && !held.has_more && r.at == t.results) [[likely]] {
    done = append_call(t, f.kept ? t.kept : t.ring, time - held.time, rv, r.size - 8);
    if (done) [[likely]] {
      t.held.call = 0;
      the_tape.clear_slot(*t.slot);
    }
  }
  if (!done) [[unlikely]]
    done = end_slowly(t, f, function, time, flags, r);
  if (!done) the_tape.count(tape::counter::no_space);
  if (rv != CKR_OK) [[unlikely]]
    count_unusual(function, rv);
  if (extras.load(std::memory_order_relaxed) & extra_log && done) [[unlikely]] {
    t.last = {r.at, r.size, time, flags};
    log_ending(t, f, rv);
  }
  if (time - began >= the_clock.long_call.load(std::memory_order_relaxed)) [[unlikely]]
    after_long_call(t, f, time, flags);
}

}  // namespace p11tape::capture
