// SPDX-License-Identifier: Apache-2.0
#include "model/transitions.hpp"

#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "model/extract.hpp"
#include "model/fork_parent.hpp"

namespace p11tape::model {

using cryptoki::effect;

namespace {

constexpr u64 no_user = unknown;

// The top of the heap is the flight that ends first.
bool ends_later(const flight& a, const flight& b) noexcept { return a.end != b.end ? a.end > b.end : a.call > b.call; }

// Calls whose arguments or results are needed again when they end.
constexpr effect_set needed_again{effect::initialize,    effect::describe_token, effect::open_session,
                                  effect::create_object, effect::modify_object,  effect::describe_object,
                                  effect::find_begin,    effect::find_step};

}  // namespace

flight::flight(const call_context& now, u32 copy) noexcept
    : start(now.call->start()),
      end(now.ended ? now.call->leave.time : unknown),
      call(now.call->number),
      thread(now.call->thread.number),
      session(now.session_handle),
      role(now.role),
      depth(now.call->depth),
      slot(now.slot_id),
      object(now.object_handle),
      mechanism(now.mechanism),
      user(now.word(now.role->user)),
      value(now.value),
      ended(now.ended),
      asks(now.asks),
      kept(copy) {}

state::transitions::transitions(std::span<const tape::reader* const> tapes) {
  for (std::size_t i = 0; i < tapes.size(); ++i) {
    auto& in = *libraries.emplace_back(std::make_unique<recorded_process>());
    in.tape = tapes[i];
    in.index = i;
    in.roles = roles_of(tapes[i]->rows());
    in.forked = is_forked(*tapes[i]);
  }
}

// All that is in flight is gone over for each call, so it has a bound. Beyond it, the call that ends first counts as ended.
constexpr std::size_t most_in_flight = 2048;

void state::transitions::settle(recorded_process& in, const call& next) {
  auto& all = in.flights;
  while (!all.empty() && all.front().end <= next.start()) {
    if (all.size() > 1) std::pop_heap(all.begin(), all.end(), ends_later);
    land(in, all.back());  // which looks at no other flight
    all.pop_back();
  }
  if (in.unreturned == 0) return;
  // Calls that the thread left without returning.
  const auto left = [&](const flight& f) {
    return f.end == unknown && f.thread == next.thread.number && f.depth >= next.depth;
  };
  const auto gone = std::erase_if(all, left);
  in.unreturned -= static_cast<u32>(gone);
  if (gone != 0) std::make_heap(all.begin(), all.end(), ends_later);
}

void state::transitions::depart(recorded_process& in, const call_context& now) {
  const bool keeps = now.ended && needed_again.has(now.role->does);
  const auto& f = in.flights.emplace_back(now, keeps ? keep(*now.call) : 0);
  in.unreturned += f.end == unknown;
  if (in.flights.size() > 1) std::push_heap(in.flights.begin(), in.flights.end(), ends_later);
  if (in.flights.size() > most_in_flight) {
    std::pop_heap(in.flights.begin(), in.flights.end(), ends_later);
    const auto first = in.flights.back();
    in.flights.pop_back();
    in.unreturned -= first.end == unknown;
    land(in, first);
  }
}

void state::transitions::finish() {
  for (auto& in : libraries) {
    auto& all = in->flights;
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return ends_later(b, a); });
    for (const auto& f : all)
      if (f.ended) land(*in, f);
    std::erase_if(all, [](const flight& f) { return f.ended; });
  }
}

u32 state::transitions::keep(const call& c) {
  if (free_.empty()) {
    kept_.push_back(c);
    return static_cast<u32>(kept_.size());
  }
  const auto at = free_.back();
  free_.pop_back();
  kept_[at - 1] = c;
  return at;
}

void state::transitions::land(recorded_process& in, const flight& f) {
  static const call nothing;
  if (f.ended) {
    in.last_end = std::max(in.last_end, f.end);
    if (auto* s = apply(in, f, f.kept != 0 ? kept_[f.kept - 1] : nothing)) {
      s->last_used = f.end;
      ++s->calls;
    }
  }
  if (f.kept != 0) free_.push_back(f.kept);
}

// Answers the session of the call, if it is open afterwards.
session* state::transitions::apply(recorded_process& in, const flight& f, const call& c) {
  const bool ok = f.value == CKR_OK;
  auto* s = [&]() -> session* {
    if (auto* const known = in.sessions.look_up(f.session)) return known;
    // A session that was opened before the tape, or in what was overwritten of it: it works, so it is there.
    const bool closes = f.role->does == effect::close_session;
    return ok && f.session != none && !closes ? &open(in, f.session, none) : nullptr;
  }();
  if (s != nullptr && f.role->on != operation::no_operation && f.role->on != operation::search)
    apply_to_operation(*s, f);
  switch (f.role->does) {
    case effect::initialize:
      initialize(in, c);
      break;
    case effect::finalize:
      if (ok) finalize(in, f);
      return nullptr;
    case effect::describe_token:
      if (ok) describe_token(in, c);
      break;
    case effect::open_session:
      if (ok) open_session(in, c, f);
      break;
    case effect::close_session:
      if (ok) close_one(in, f);
      return ok ? nullptr : s;
    case effect::close_all_sessions:
      if (ok) close_sessions(in, f, f.slot, none, ending::closed_all);
      return nullptr;
    case effect::init_token:
      if (ok) in.objects.erase_if([&](const auto& o) { return o.second.slot == f.slot; });
      break;
    case effect::login:
      if (s != nullptr) s->logged_in_here |= ok;
      log_in(in, f);
      break;
    case effect::logout:
      if (ok && s != nullptr && s->slot != none) slot_of(in, s->slot).user = no_user;
      break;
    case effect::cancel:
      if (ok && s != nullptr)
        for (auto& o : s->active) o.active = false;
      break;
    case effect::create_object:
      if (ok) create(in, c, f);
      break;
    case effect::destroy_object:
      if (ok && in.objects.erase(recorded_process::key_of(f.slot, f.object)) != 0)
        remember(in, {none, none, f.object, f.slot, f.call, f.thread, ending::destroyed});
      break;
    case effect::modify_object:
      if (ok) learn(object_of(in, f.slot, f.object, f.call), template_of(c, f.role->values));
      break;
    case effect::describe_object:
      // Three errors tell of some attributes that they cannot be read, and of the others all the same.
      if (ok || f.value == CKR_ATTRIBUTE_SENSITIVE || f.value == CKR_ATTRIBUTE_TYPE_INVALID ||
          f.value == CKR_BUFFER_TOO_SMALL) {
        tape::item_view item;
        if (f.role->question >= 0 && c.result().find(static_cast<std::size_t>(f.role->question), item))
          learn(object_of(in, f.slot, f.object, f.call), item.payload);
      }
      break;
    case effect::find_begin:
      if (ok && s != nullptr) {
        s->of(operation::search) = {true, false, unknown, none, f.call};
        s->find = {};
        s->find.begun_in = f.call;
        learn(s->find, template_of(c, f.role->values));
      }
      break;
    case effect::find_step:
      if (ok && s != nullptr) search_step(in, *s, c, f);
      break;
    case effect::find_end:
      if (ok && s != nullptr) s->of(operation::search).active = false;
      break;
    default:
      break;
  }
  return s;
}

// Whether an operation goes on after a call: the rules of section 5.2 about lengths, and "a call that fails ends it".
void state::transitions::apply_to_operation(session& s, const flight& f) {
  auto& o = s.of(f.role->on);
  const bool ok = f.value == CKR_OK;
  switch (f.role->does) {
    case effect::begin:
      if (ok) o = {f.mechanism != unknown || f.role->mechanism < 0, false, f.mechanism, f.object, f.call};
      break;
    case effect::update:
    case effect::message:
    case effect::message_begin:
    case effect::message_next:
      o.touched = true;
      if (!ok && f.value != CKR_BUFFER_TOO_SMALL && f.role->does == effect::update) o.active = false;
      break;
    case effect::single:
    case effect::finish:
      o.touched = true;
      if (f.value != CKR_BUFFER_TOO_SMALL && !(ok && f.asks)) o.active = false;
      break;
    default:
      break;
  }
}

void state::transitions::initialize(recorded_process& in, const call& c) {
  const auto value = c.return_value();
  in.locks = value == CKR_OK || !in.locks.told ? locking_of(c) : in.locks;
  if (value == CKR_OK) {
    in.initialized = known::yes;
    in.initialized_in = c.number;
    ++in.initializations;
  } else if (value == CKR_CRYPTOKI_ALREADY_INITIALIZED) {
    in.initialized = known::yes;
  }
}

void state::transitions::finalize(recorded_process& in, const flight& f) {
  in.initialized = known::no;
  in.finalized_in = f.call;
  in.finalized_by = f.thread;
  for (const auto& [handle, s] : in.sessions) end_session(in, s, f, ending::finalized);
  in.sessions.clear();
  in.objects.clear();
  for (auto& [id, s] : in.slots) {
    s.user = no_user;
    s.sessions = s.rw_sessions = 0;
  }
}

session& state::transitions::open(recorded_process& in, session_handle handle, slot_id slot) {
  session s;
  s.handle = handle;
  s.number = session_number(++sessions_);
  s.slot = slot;
  // With one token there is no doubt which one a session is on.
  if (slot == none && in.token_list.size() == 1) s.slot = in.token_list[0];
  auto& there = in.sessions[handle];
  there = s;
  if (s.slot != none) ++slot_of(in, s.slot).sessions;
  return there;
}

void state::transitions::open_session(recorded_process& in, const call& c, const flight& f) {
  const auto handles = output_numbers(c, f.role->result);
  if (handles.size() == 0) return;
  const session_handle handle(handles[0]);
  if (const auto old = in.sessions.find(handle); old != in.sessions.end())
    close_sessions(in, f, none, handle, ending::replaced);
  auto& s = open(in, handle, f.slot);
  s.flags = c.arguments().word(static_cast<std::size_t>(f.role->flags));
  s.opened_in = f.call;
  s.thread = f.thread;
  if (s.writes() && s.slot != none) ++slot_of(in, s.slot).rw_sessions;
}

void state::transitions::end_session(recorded_process& in, const session& s, const flight& f, ending how) {
  remember(in, {s.handle, s.number, none, s.slot, f.call, f.thread, how});
}

// Closes the sessions of a slot, or the one with the handle.
void state::transitions::close_sessions(recorded_process& in, const flight& f, slot_id slot, session_handle handle,
                                        ending how) {
  for (auto i = in.sessions.begin(); i != in.sessions.end();) {
    if (handle != none ? i->first != handle : i->second.slot != slot) {
      if (handle == none) {
        ++i;
        continue;
      }
      i = in.sessions.find(handle);
      if (i == in.sessions.end()) return;
    }
    const auto& s = i->second;
    end_session(in, s, f, how);
    const auto number = s.number;
    in.objects.erase_if([&](const auto& o) { return o.second.session != none && o.second.session == number; });
    if (s.slot != none) {
      auto& at = slot_of(in, s.slot);
      if (at.sessions != 0) --at.sessions;
      if (s.writes() && at.rw_sessions != 0) --at.rw_sessions;
      if (at.sessions == 0) at.user = no_user;  // with the last session the login ends, too
    }
    i = in.sessions.erase(i);
    if (handle != none) return;
  }
}

// The session of a C_CloseSession. Where an imported log does not show which, it is the only one, or stays open: to close
// another would be worse.
void state::transitions::close_one(recorded_process& in, const flight& f) {
  const auto handle = f.session != none || in.sessions.size() != 1 ? f.session : in.sessions.begin()->first;
  if (handle != none) close_sessions(in, f, none, handle, ending::closed);
}

void state::transitions::log_in(recorded_process& in, const flight& f) {
  const bool ok = f.value == CKR_OK;
  if ((!ok && f.value != CKR_USER_ALREADY_LOGGED_IN) || f.slot == none) return;
  if (f.user == CKU_CONTEXT_SPECIFIC) return;  // for one operation: nobody is logged in by it
  auto& at = slot_of(in, f.slot);
  at.user = f.user;
  at.login_in = ok ? f.call : at.login_in;
}

void state::transitions::describe_token(recorded_process& in, const call& c) {
  const auto& role = in.roles[c.function_number];
  const auto id = role.slot >= 0 ? slot_id(c.word(static_cast<std::size_t>(role.slot))) : slot_id(none);
  switch (role.which) {
    case cryptoki::function::C_GetSlotList: {
      const auto all = output_numbers(c, role.result);
      if (!c.arguments().given(static_cast<std::size_t>(role.result))) return;  // asked for the length
      if (all.is_unproven()) return;
      std::vector<slot_id> ids;
      for (std::size_t i = 0; i < std::min(all.size(), recorded_process::most_slots); ++i) ids.emplace_back(all[i]);
      const bool with_token = c.arguments().word(0) != 0;
      (with_token ? in.token_list : in.slot_list) = std::move(ids);
      (with_token ? in.token_list_in : in.slot_list_in) = c.number;
      return;
    }
    case cryptoki::function::C_GetSlotInfo: {
      const auto info = output_struct(c, 1);
      if (!info) return;
      learn(slot_of(in, id), *info);
      slot_of(in, id).info_in = c.number;
      return;
    }
    case cryptoki::function::C_GetTokenInfo: {
      const auto info = output_struct(c, 1);
      if (!info) return;
      auto& t = slot_of(in, id).token.emplace(token_of(*info));
      t.seen_in = c.number;
      t.seen_wall = c.leave.wall;
      return;
    }
    case cryptoki::function::C_GetMechanismList: {
      if (!c.arguments().given(1)) return;
      const auto all = output_numbers(c, 1);
      if (all.is_unproven()) return;
      auto& s = slot_of(in, id);
      s.mechanisms.clear();
      for (std::size_t i = 0; i < all.size(); ++i) s.mechanisms.push_back(all[i]);
      s.mechanisms_in = c.number;
      return;
    }
    case cryptoki::function::C_GetMechanismInfo: {
      auto& limits = slot_of(in, id).limits;
      const auto info = output_struct(c, 2);
      if (!info || limits.size() >= recorded_process::most_slots) return;
      limits[c.arguments().word(1)] = {number_named(*info, "ulMinKeySize"), number_named(*info, "ulMaxKeySize"),
                                       number_named(*info, "flags")};
      return;
    }
    default:
      return;
  }
}

void state::transitions::search_step(recorded_process& in, session& s, const call& c, const flight& f) {
  ++s.find.steps;
  s.of(operation::search).touched = true;
  const auto all = output_numbers(c, f.role->result);
  // The count is an output of its own: it stands also where it is not proven that the module wrote the handles.
  const auto counter = f.role->result_count;
  tape::item_view count;
  const bool counted = counter >= 0 && c.result().find(static_cast<std::size_t>(counter), count);
  const bool proven = counted && !count.is_unproven() && count.form == tape::item_form::number;
  s.find.found += proven ? count.number() : all.size();
  if (counted && !proven && all.size() == 0) s.find.unclear = true;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const object_handle handle(all[i]);
    auto& o = object_of(in, s.slot, handle, f.call);
    // A handle that meant something else is used again.
    const auto contradicts = [](const auto& a, const auto& b) { return a && b && *a != *b; };
    if (contradicts(o.label, s.find.label) || contradicts(o.id, s.find.id) ||
        (o.object_class != unknown && s.find.object_class != unknown && o.object_class != s.find.object_class)) {
      const auto number = o.number;
      o = {};
      o.handle = handle;
      o.number = number;
      o.slot = s.slot;
      o.first_seen_in = f.call;
    }
    learn(o, s.find);
    o.last_used = f.call;
  }
}

void state::transitions::create(recorded_process& in, const call& c, const flight& f) {
  object made;
  for (std::size_t which = 0; made_by(c, *f.role, in, f.slot, which, made); ++which) {
    auto& o = object_of(in, f.slot, made.handle, f.call);
    made.number = o.number;
    made.last_used = f.call;
    o = made;
    const auto* const s = in.find_session(f.session);
    if (!o.is(bit_token) && s != nullptr) o.session = s->number;
  }
}

slot& state::transitions::slot_of(recorded_process& in, slot_id id) {
  if (in.slots.size() >= recorded_process::most_slots && !in.slots.contains(id)) in.slots.erase(in.slots.begin());
  auto& s = in.slots[id];
  s.id = id;
  return s;
}

object& state::transitions::object_of(recorded_process& in, slot_id slot, object_handle handle, call_number call) {
  if (in.objects.size() >= recorded_process::most_objects) trim_objects(in);
  auto& o = in.objects[recorded_process::key_of(slot, handle)];
  if (o.number == none || o.handle != handle || o.slot != slot) {
    o = {};
    o.number = object_number(++objects_);
    o.handle = handle;
    o.slot = slot;
    o.first_seen_in = call;
  }
  o.last_used = call;
  return o;
}

// Modules that give every search new handles would fill the memory: what was not used for longest goes.
void state::transitions::trim_objects(recorded_process& in) {
  std::vector<call_number> ages;
  ages.reserve(in.objects.size());
  for (const auto& [key, o] : in.objects) ages.push_back(o.last_used);
  const auto cut = ages.begin() + static_cast<std::ptrdiff_t>(ages.size() / 4);
  std::nth_element(ages.begin(), cut, ages.end());
  in.objects.erase_if([&](const auto& o) { return o.second.last_used <= *cut; });
}

void state::transitions::remember(recorded_process& in, past p) {
  in.ended.push_back(p);
  if (in.ended.size() > recorded_process::most_past) in.ended.pop_front();
}

}  // namespace p11tape::model
