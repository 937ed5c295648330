// SPDX-License-Identifier: Apache-2.0
#include "capture/encode/exchange.hpp"

#include <atomic>

#include "capture/host/clock.hpp"
#include "capture/host/memory.hpp"
#include "capture/host/thread.hpp"
#include "capture/write_record.hpp"
#include "tape/exchange_order.hpp"

namespace p11tape::capture {
namespace {

constinit std::atomic<exchanges> wanted{exchanges::off};

// Two libraries may both be ours to look at, one calling the other: only the outer exchange counts. An exchange that
// was left without returning is told by its frame, which is not above this one, or by calls that have come since.
bool is_nested(const thread_state& t, const void* frame) noexcept {
  return t.exchange_stack > frame && t.exchange_call == t.call;
}

bool is_wanted(const exchange& e) noexcept {
  using tape::card_call;
  const auto& f = e.facts;
  const auto function = static_cast<card_call>(f.function);
  if (f.result != 0) return true;
  if (function != card_call::transmit && function != card_call::control) return false;
  if (wanted.load(std::memory_order_relaxed) == exchanges::all || e.pin_command) return true;
  const bool fine = f.status_word == 0x9000 || f.status_word >> 8 == 0x61;
  const bool inner_fine = (f.flags & tape::exchange_inner_status) == 0 || f.inner_status == 0x9000;
  return (f.flags & tape::exchange_has_status) != 0 && !(fine && inner_fine);
}

}  // namespace

void record_exchanges(exchanges which) noexcept { wanted.store(which, std::memory_order_relaxed); }

void begin_exchange(exchange& e, tape::card_call function, u64 card, u32 control_code, const void* command,
                    u64 size) noexcept {
  e.thread = nullptr;
  if (wanted.load(std::memory_order_relaxed) == exchanges::off) return;
  thread_state* t = recording_thread();
  if (t == nullptr || is_nested(*t, &e)) return;
  e.thread = t;
  e.pin_command = false;
  e.facts = {};
  e.facts.function = static_cast<u8>(function);
  e.facts.card = card;
  e.facts.control_code = control_code;
  t->exchange_stack = &e;
  t->exchange_call = t->call;
  if (readable(t->pages, command, size)) take_command(e, static_cast<const u8*>(command), size);
  e.facts.duration = now();  // for now, when it began
}

void end_exchange(exchange& e, u32 result, const void* response, u64 size) noexcept {
  if (e.thread == nullptr) return;
  u8 flags = 0;
  const u64 time = record_time(flags);
  e.facts.duration = now() - e.facts.duration;
  thread_state& t = *e.thread;
  if (!is_current(t)) return;  // forked inside the exchange: it is the parent's
  t.exchange_stack = nullptr;
  if (recording_thread() != &t) return;
  e.facts.result = result;
  if (result == 0 && readable(t.pages, response, size)) take_response(e, static_cast<const u8*>(response), size);
  if (!is_wanted(e)) return;
  const open_call* in = innermost_call(t, &e);
  if (in != nullptr && in->call == 0) return;  // its call is not on the tape
  if (in == nullptr) {
    const thread_state* other = nullptr;
    const int callers = only_thread_in_call(other, e.facts.caller_call);
    if (callers == 0) return;  // the host's own business with the card
    if (callers == 1) {
      e.facts.flags |= tape::exchange_inferred;
      e.facts.caller_thread = other->number;
    } else {
      e.facts.caller_call = 0;
    }
  }
  append_exchange(t, in, time, flags, tape::in_file_order(e.facts), e.data);
}

}  // namespace p11tape::capture
