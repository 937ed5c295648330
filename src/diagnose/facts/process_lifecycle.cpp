// SPDX-License-Identifier: Apache-2.0
#include "diagnose/facts/process_lifecycle.hpp"

#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "model/extract.hpp"

namespace p11tape::diagnose {
namespace {

using cryptoki::effect;
using cryptoki::function;

constexpr std::size_t most_turns = 512;
constexpr std::size_t most_lost = 256;

// What may be called before C_Initialize, and says nothing about the library's state.
bool needs_no_library(function f) noexcept {
  return f == function::C_GetFunctionList || f == function::C_GetInterface || f == function::C_GetInterfaceList ||
         f == function::C_Initialize || f == model::unknown_function;
}

bool cleans_up(effect e) noexcept {
  return e == effect::finalize || e == effect::close_session || e == effect::close_all_sessions ||
         e == effect::logout || e == effect::find_end;
}

bool is_poll(function f) noexcept {
  return f == function::C_GetSlotList || f == function::C_GetSlotInfo || f == function::C_GetTokenInfo;
}

bool looks_like_the_module(u64 value) noexcept {
  return value == CKR_GENERAL_ERROR || value == CKR_FUNCTION_FAILED || value == CKR_DEVICE_ERROR ||
         value == CKR_DEVICE_REMOVED || value == CKR_DEVICE_MEMORY || value == CKR_HOST_MEMORY ||
         value >= CKR_VENDOR_DEFINED;
}

}  // namespace

void life::see(const call_context& now) {
  const auto& c = *now.call;
  if (first_call == 0) {
    first_call = c.number;
    first_function = now.which;
  }
  if (!needs_no_library(now.which)) {
    if (first_other == 0) {
      first_other = c.number;
      first_other_value = now.value;
      first_other_ended = now.ended;
      first_other_function = now.which;
    }
    if (!cleans_up(now.role->does)) only_cleans_up = false;
  }
  last_end = std::max(last_end, now.ended ? c.leave.time : c.start());
  if (now.process->flights.size() > 1) see_overlap(now);
  if (!now.ended && lost.size() < most_lost)
    lost.push_back({c.number, c.start_wall(), c.thread.number, now.which, c.state, 0});

  if (now.ended && now.value != CKR_OK && before_failure.empty() && looks_like_the_module(now.value))
    for (u64 i = seen_ > recent ? seen_ - recent : 0; i < seen_; ++i) before_failure.push_back(ring_[i % recent]);
  ring_[seen_++ % recent] = {c.number, now.value, now.which, now.ended};

  switch (now.role->does) {
    case effect::initialize:
    case effect::finalize:
      see_turn(now);
      break;
    case effect::describe_token:
      see_slots(now);
      break;
    case effect::open_session:
    case effect::close_session:
    case effect::close_all_sessions:
      see_sessions(now);
      break;
    case effect::single:
    case effect::finish:
      if (now.ok && now.key != nullptr) {
        ++used_keys;
        last_used_key = c.number;
      }
      break;
    case effect::describe_object:
      if (now.session != nullptr && now.session->of(model::operation::search).active &&
          now.session->of(model::operation::search).touched && ++interleaved_reads == 1)
        interleaved_in = c.number;
      break;
    case effect::none:
      // A user is logged in although the login ended with the last session.
      if (now.which == function::C_GetSessionInfo && now.ok && now.slot != nullptr && !now.slot->logged_in() &&
          now.slot->login_in != 0 && left_login == 0) {
        tape::fields_view info;
        if (!model::output_struct(c, 1, info)) break;
        const auto state = model::number_named(info, "state");
        if (state == CKS_RO_USER_FUNCTIONS || state == CKS_RW_USER_FUNCTIONS) left_login = c.number;
      }
      break;
    default:
      break;
  }
}

void life::see_turn(const call_context& now) {
  const auto& c = *now.call;
  turn t;
  t.call = c.number;
  t.wall = c.start_wall();
  t.end_wall = c.ended() ? c.leave.wall : t.wall;
  t.thread = c.thread.number;
  t.duration = c.duration();
  t.value = now.value;
  t.ended = now.ended;
  t.finalizes = now.role->does == effect::finalize;
  if (t.finalizes) {
    t.reserved = c.arguments().given(0);
    t.open_sessions = now.process->sessions.size();
    for (const auto& [handle, s] : now.process->sessions)
      t.foreign_sessions += s.opened_in != 0 && s.thread != t.thread;
    finalizations += now.ok;
  } else {
    t.locks = model::locking_of(c);
    initializations += now.ok;
  }
  if (turns.size() < most_turns) turns.push_back(t);
}

void life::see_slots(const call_context& now) {
  const auto& c = *now.call;
  if (is_poll(now.which)) {
    ++polls;
    poll_time += c.duration();
    poll_last = c.number;
    poll_last_wall = c.start_wall();
    if (poll_first == 0) {
      poll_first = c.number;
      poll_first_wall = c.start_wall();
    }
    if (first_open == 0) {
      ++polls_before_session;
      auto& n = alike_[now.word(0) << 8 ^ static_cast<u64>(now.which)];
      if (++n > most_alike_polls) {
        most_alike_polls = n;
        most_alike_poll = cryptoki::row(now.which).name;
      }
      if (alike_.size() > 4096) alike_.clear();
    }
  }
  if (!now.ok) return;
  if (now.which == function::C_GetTokenInfo) {
    ++token_infos;
    last_token_info = c.number;
    if (first_token_info == 0) first_token_info = c.number;
  }
  if (now.which == function::C_GetSlotList) {
    slots_listed = slots_listed || c.arguments().given(1);
    // The count stands in an output of its own, also where only the count was asked for.
    tape::item_view count;
    if (!c.result().find(2, count) || count.is_unproven()) return;
    const bool with_token = now.word(0) != 0;
    (with_token ? slots_with_token : slots_without_token) = count.number();
    if (with_token) {
      most_with_token = std::max(most_with_token, count.number());
      counted_in = c.number;
    }
  }
  if (now.which == function::C_GetMechanismList && now.slot != nullptr && now.slot->mechanisms_in > 0 &&
      !mechanisms_changed) {
    const auto list = model::output_numbers(c, 1);
    if (!c.arguments().given(1) || list.size() == 0) return;
    bool same = list.size() == now.slot->mechanisms.size();
    for (std::size_t i = 0; same && i < list.size(); ++i) same = now.slot->offers(list[i]);
    mechanisms_changed = !same;
    mechanisms_changed_in = same ? 0 : c.number;
  }
}

void life::see_sessions(const call_context& now) {
  const auto& in = *now.process;
  const auto number = now.call->number;
  if (now.role->does == effect::open_session) {
    if (first_open == 0) first_open = number;
    if (opened_slots.size() < 4096 &&
        std::find(opened_slots.begin(), opened_slots.end(), now.slot_id) == opened_slots.end())
      opened_slots.push_back(now.slot_id);
    if (!now.ok) return;
    ++opened;
    const auto handle = model::output_numbers(*now.call, now.role->result);
    if (handle.size() != 0 && handle[0] == last_closed_) ++reused;
    if (in.sessions.size() + 1 > most_open) {
      most_open = in.sessions.size() + 1;
      most_open_in = number;
    }
  } else if (now.ok) {
    if (now.role->does == effect::close_session) {
      ++closed;
      last_closed_ = now.session_handle;
    } else if (now.slot != nullptr) {
      closed += now.slot->sessions;
    }
  }
}

// Calls of other threads that are in flight right now.
void life::see_overlap(const call_context& now) {
  const auto& c = *now.call;
  if (c.depth != 0 || needs_no_library(now.which) || now.role->does == effect::wait) return;
  // Of a busy server every call overlaps with many others: a part of them tells as much.
  if (any.count > enough_overlaps && c.number % 16 != 0) return;
  for (const auto& f : now.process->flights) {
    if (f.thread == c.thread.number || f.depth != 0) continue;
    if (needs_no_library(f.role->which) || f.role->does == effect::wait) continue;
    if (++any.count == 1) {
      const auto n = any.count;
      any = {c.number, f.call, c.thread.number, f.thread, unknown, now.which, f.role->which, n};
    }
    const bool cancels = now.role->does == effect::cancel || f.role->does == effect::cancel ||
                         now.which == function::C_CancelFunction || f.role->which == function::C_CancelFunction;
    if (now.session_handle != unknown && f.session == now.session_handle && !cancels && ++same_session.count == 1)
      same_session = {c.number, f.call, c.thread.number, f.thread, now.session_handle, now.which, f.role->which, 1};
  }
}

void life::finish(const model::recorded_process& in) {
  still_open = in.sessions.size();
  // Of calls that never returned: whether the rest of the process went on without them.
  for (auto& u : lost)
    for (const auto& f : in.flights)
      if (f.call == u.call) u.others_went_on = f.start < last_end ? last_end - f.start : 0;
}

}  // namespace p11tape::diagnose
