// SPDX-License-Identifier: Apache-2.0
// The short way of a frequent call: the one that nearly every call takes.
//
// Where no setting asks for more than the tape, and the thread is neither inside another call nor inside the recorder,
// most of what the general way (recorder.cpp) asks is known. Then there is code for each function, made from its row:
// the same ENTER in the thread's slot before the module is called, and the same CALL record before the application sees
// the result. Whatever turns out to be out of the ordinary (a slot or a chunk that is full, a clock that has changed, a
// call inside the call) is left to the general way.
//
// These functions have no array on their stack, which is why they need no guard there.
#include "capture/plain_call.hpp"

#include "capture/encode/encode_rows.hpp"
#include "capture/held_call.hpp"
#include "capture/host/clock.hpp"
#include "capture/write_record.hpp"

#if defined(__has_attribute) && __has_attribute(no_stack_protector)
#define P11TAPE_NO_ARRAYS __attribute__((no_stack_protector))
#else
#define P11TAPE_NO_ARRAYS
#endif

namespace p11tape::capture {
namespace {

using cryptoki::function;

// False where the thread is in the recorder already, or in a call, or has left one without returning.
[[gnu::always_inline]] inline bool is_idle(const thread_state& t) noexcept {
  return t.busy == nullptr && (t.depth | t.held.call) == 0;
}

template <function F, const auto& Steps>
P11TAPE_NO_ARRAYS __attribute__((noinline)) bool enter_plain(frame& f, const u64* words) noexcept {
  static constexpr auto plan = steps::make_function_plan(Steps, cryptoki::row(F));
  thread_state* const t = self;
  if (t == nullptr || t->epoch == 0 || t->epoch != current_epoch() || !is_idle(*t)) [[unlikely]]
    return enter(f, F, words);
  t->busy = &f;  // before anything that a signal handler's call would change as well
  std::atomic_signal_fence(std::memory_order_seq_cst);
  const u32 call = ++t->call;
  const bool kept = belongs_to_kept(plan.goes);
  f.epoch = t->epoch;
  f.call = call;
  f.depth = 0;
  f.recorded = true;
  f.kept = kept;
  f.pending = false;
  f.plain = true;
  t->open[0] = {&f, words, call, static_cast<u16>(F), kept, false, false};
  t->depth = 1;
  encoder e(how, t->pages, f.caps, t->rooms, 0, &t->room);
  if constexpr (plan.changes_mechanism) e.remember_mechanism(plan, words);
  if (auto* const slot = t->slot; slot != nullptr) [[likely]] {
    tape::file::open_slot(*slot);
    u8* const body = held_body(*slot);
    sink out(body, sizeof slot->record - record_head);
    e.enter_default<Steps>(out, F, words);
    const auto size = static_cast<u32>(out.position() - body);
    const auto& lane = kept ? t->kept : t->ring;
    if (!out.overflowed() && lane.room() >= record_head + sizeof(tape::call_head) + 8 + size) [[likely]] {
      u8 flags = 0;
      u64 time = record_time(flags);
      if (is_pair_due(time, flags)) [[unlikely]] {
        look_at_clocks();
        time = record_time(flags);
      }
      put_header(slot->record, {tape::record_kind::enter, flags, 0, F, call, time}, record_head + size, t->ordinal + 1);
      tape::file::publish_mapped(*slot, record_head + size);
      t->held = {call, size, time, F, 0, flags, kept, false, false};
      std::atomic_signal_fence(std::memory_order_seq_cst);
      t->busy = nullptr;
      leave_to_heirs(*t);
      return true;
    }
  }
  begin_slowly(*t, f, F, words);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  t->busy = nullptr;
  leave_to_heirs(*t);
  return true;
}

template <function F, const auto& Steps>
P11TAPE_NO_ARRAYS __attribute__((noinline)) void leave_plain(frame& f, const u64* words, u64 rv) noexcept {
  static constexpr auto plan = steps::make_function_plan(Steps, cryptoki::row(F));
  u8 flags = 0;
  const u64 time = record_time(flags);
  thread_state* const t = self;
  if (t == nullptr || t->epoch != f.epoch || current_epoch() != f.epoch || t->busy != nullptr) [[unlikely]]
    return leave_at(f, F, words, rv, time, flags);
  t->busy = &f;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  t->depth = 0;
  encoder e(how, t->pages, f.caps, t->rooms, 0, &t->room);
  if constexpr (plan.begins) e.settle_mechanism(plan, words, rv);
  const bool is_held = t->held.call == f.call && t->held.flags == flags;  // else something was recorded inside it
  u8* const outputs = t->outputs();
  sink out(outputs, sizeof t->results - 8);
  e.leave_default<Steps>(out, F, words, rv);
  const auto size = static_cast<u64>(out.position() - outputs);
  auto& lane = plan.goes != retention::ring && f.kept ? t->kept : t->ring;
  const u64 began = t->held.time, duration = time - began;
  constexpr u32 words_alone = rows::is_words_alone(Steps) ? 8 * static_cast<u32>(Steps.size()) : 0;
  const u32 fields = words_alone != 0 ? words_alone : t->held.size;
  const record_about about{tape::record_kind::call, flags, 0, F, f.call, began};
  if (is_held && !out.overflowed() &&
      (append_few(*t, lane, about, duration, fields, rv, size) || append_call(*t, lane, duration, rv, size)))
      [[likely]] {
    t->held.call = 0;
    tape::file::publish_mapped(*t->slot, 0);
    if (rv != CKR_OK) [[unlikely]]
      count_unusual(F, rv);
    if (duration >= the_clock.long_call.load(std::memory_order_relaxed)) [[unlikely]]
      after_long_call(*t, f, time, flags);
  } else {
    end_call(*t, f, F, words, rv, time, flags);
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);
  t->busy = nullptr;
  leave_to_heirs(*t);
}

}  // namespace

// What decides comes first, before any register is saved: a recorder that is switched off costs next to nothing.
#define FN(name, ...)                                                                              \
  template <>                                                                                      \
  P11TAPE_NO_ARRAYS bool enter_one<function::name>(frame & f, const u64* words) noexcept {         \
    const u32 extra = extras.load(std::memory_order_relaxed);                                      \
    if constexpr (rows::is_frequent(cryptoki::row(function::name)))                                \
      if (extra == 0) [[likely]]                                                                   \
        return enter_plain<function::name, steps::name##_steps>(f, words);                         \
    f.plain = false;                                                                               \
    f.epoch = 0;                                                                                   \
    return (extra & extra_off) != 0 || enter(f, function::name, words);                            \
  }                                                                                                \
  template <>                                                                                      \
  P11TAPE_NO_ARRAYS void leave_one<function::name>(frame & f, const u64* words, u64 rv) noexcept { \
    if constexpr (rows::is_frequent(cryptoki::row(function::name)))                                \
      if (f.plain) [[likely]]                                                                      \
        return leave_plain<function::name, steps::name##_steps>(f, words, rv);                     \
    if (f.epoch != 0) leave(f, function::name, words, rv);                                         \
  }
#include "cryptoki/functions.def"
#undef FN

}  // namespace p11tape::capture
