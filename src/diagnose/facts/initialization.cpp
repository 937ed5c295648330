// SPDX-License-Identifier: Apache-2.0
#include "diagnose/facts/initialization.hpp"

#include "cryptoki/pkcs11.hpp"
#include "model/extract.hpp"

namespace p11tape::diagnose {
namespace {

using cryptoki::effect;
using cryptoki::function;

constexpr std::size_t most_turns = 512;

bool cleans_up(effect e) noexcept {
  return e == effect::finalize || e == effect::close_session || e == effect::close_all_sessions ||
         e == effect::logout || e == effect::find_end;
}

}  // namespace

bool needs_no_library(function f) noexcept {
  return f == function::C_GetFunctionList || f == function::C_GetInterface || f == function::C_GetInterfaceList ||
         f == function::C_Initialize || f == model::unknown_function;
}

void initialization::see_use(const call_context& now) {
  if (needs_no_library(now.which)) return;
  if (first.call == none) first = {now.call->number, now.value, now.which, now.ended};
  if (!cleans_up(now.role->does)) only_cleans_up = false;
}

void initialization::see_turn(const call_context& now) {
  const auto& c = *now.call;
  turn t;
  t.call = c.number;
  t.wall = c.start_wall();
  t.end_wall = c.ended() ? c.leave.wall : t.wall;
  t.thread = c.thread.number;
  t.duration = now.duration;
  t.value = now.value;
  t.ended = now.ended;
  t.finalizes = now.role->does == effect::finalize;
  if (t.finalizes) {
    t.reserved = c.arguments().given(0);
    t.open_sessions = now.process->sessions.size();
    for (const auto& [handle, s] : now.process->sessions)
      t.foreign_sessions += s.opened_in != none && s.thread != t.thread;
    finalized += now.ok;
  } else {
    t.locks = model::locking_of(c);
    initialized += now.ok;
  }
  if (turns.size() < most_turns) turns.push_back(t);
}

}  // namespace p11tape::diagnose
