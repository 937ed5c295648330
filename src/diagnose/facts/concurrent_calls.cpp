// SPDX-License-Identifier: Apache-2.0
#include "diagnose/facts/concurrent_calls.hpp"

#include "diagnose/facts/initialization.hpp"

namespace p11tape::diagnose {

using cryptoki::effect;
using cryptoki::function;

constexpr u64 enough = 10000;

// Calls of other threads that are in flight right now.
void concurrent_calls::see_others(const call_context& now) {
  const auto& c = *now.call;
  if (c.depth != 0 || needs_no_library(now.which) || now.role->does == effect::wait) return;
  // Of a busy server every call overlaps with many others: a part of them tells as much.
  if (any.count > enough && c.number.value() % 16 != 0) return;
  for (const auto& f : now.process->flights) {
    if (f.thread == c.thread.number || f.depth != 0) continue;
    if (needs_no_library(f.role->which) || f.role->does == effect::wait) continue;
    if (++any.count == 1) any = {c.number, f.call, c.thread.number, f.thread, none, now.which, f.role->which, 1};
    const bool cancels = now.role->does == effect::cancel || f.role->does == effect::cancel ||
                         now.which == function::C_CancelFunction || f.role->which == function::C_CancelFunction;
    if (now.session_handle != none && f.session == now.session_handle && !cancels && ++same_session.count == 1)
      same_session = {c.number, f.call, c.thread.number, f.thread, now.session_handle, now.which, f.role->which, 1};
  }
}

}  // namespace p11tape::diagnose
