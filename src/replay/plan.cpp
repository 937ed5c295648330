// SPDX-License-Identifier: Apache-2.0
#include "replay/plan.hpp"

#include <algorithm>
#include <optional>

#include "cryptoki/pkcs11.hpp"
#include "model/call_stream.hpp"
#include "model/extract.hpp"
#include "replay/operations.hpp"
#include "replay/skip_rules.hpp"

namespace p11tape::replay {
namespace {

using cryptoki::effect;
using cryptoki::function;
using model::object_handle;
using model::session_handle;
using model::session_number;
using model::slot_id;

class planner final : translator {
 public:
  planner(const tape::reader& tape, const choice& how) : how_(how), state_(tape) {
    plan_.tape = &tape;
    plan_.last = how.to;
  }

  plan make() {
    model::call_stream calls(*plan_.tape);
    while (const auto* c = calls.next()) {
      const auto& now = state_.take(*c);
      settle(c->start());
      take(now);
    }
    state_.finish();
    settle(~u64{0});
    learn_rest();
    operations_.spread(plan_);
    order();
    if (how_.from != model::none) prepare();
    return std::move(plan_);
  }

 private:
  // A call whose outputs become things once it has ended.
  struct pending {
    u64 end;
    u32 step;
    slot_id slot;
  };

  const model::recorded_process& library() const { return *state_.libraries().front(); }

  void take(const model::call_context& now) {
    now_ = &now;
    auto& s = plan_.steps.emplace_back();
    s.call = *now.call;
    s.role = *now.role;
    s.lane = lane_of(now.call->thread.number);
    s.mechanism = now.mechanism;
    s.why = possible(s);
    if (!s.why) {
      s.why = build(s);
      if (!s.why) s.why = unwise(s, now, plan_, how_, token_object_);
      s.pin = pin_of(s, now);
    }
    search(now, s);
    s.fresh = uses_fresh(s);
    if (!s.why) s.why = pointless(s);
    const auto index = static_cast<u32>(plan_.steps.size() - 1);
    operations_.see(plan_, index, now.session != nullptr ? now.session->number : model::none);
    after(s);
    if (now.ok && s.role.result >= 0) waiting_.push_back({now.call->leave.time, index, now.slot_id});
    life_of_library(now);
    if (now.is(function::C_GetInterface) && now.ok) take_interface(*now.call);
    now_ = nullptr;
  }

  // Whether the replay has to begin or end what the tape does not.
  void life_of_library(const model::call_context& now) {
    const bool begins = now.is(function::C_Initialize);
    if (!initialised_ && begins && now.value == CKR_CRYPTOKI_ALREADY_INITIALIZED) plan_.begins_late = true;
    if (!initialised_ && now.ok && now.call->function != nullptr && now.call->function->family != "general")
      plan_.begins_late = true;
    initialised_ |= begins && now.ok;
    if (begins && now.ok) finalised_ = false;
    if (now.is(function::C_Finalize) && now.ok) finalised_ = true;
    plan_.ends_early = !finalised_;
  }

  u32 lane_of(model::thread_number thread) {
    const auto [at, is_new] = lanes_.try_emplace(thread, plan_.lanes);
    if (is_new) ++plan_.lanes;
    return at->second;
  }

  // Arguments are built once here, for nothing but to see whether they can be, and which handles they hold.
  skip_reason build(step& s) {
    argument_list list;
    const auto why = build_arguments(plan_.tape->rows(), s.call.arguments(), {}, *this, memory_, list);
    s.synthesised = list.synthesised;
    token_object_ = list.token_object;
    return why ? why : trouble_with_handles(s);
  }

  u64 translate(std::string_view meaning, u64 recorded) override {
    auto& s = plan_.steps.back();
    if (meaning == "session") {
      s.uses.push_back({handle_kind::session, recorded, session_of(session_handle(recorded))});
    } else if (meaning == "slot") {
      s.uses.push_back({handle_kind::slot, recorded, slot_of(slot_id(recorded))});
    } else {
      const auto thing = recorded == CK_INVALID_HANDLE ? no_thing : object_at(now_->slot_id, object_handle(recorded));
      s.uses.push_back({handle_kind::object, recorded, thing});
    }
    return recorded;
  }

  // Uses of what is not there are fine where the tape says that they failed.
  skip_reason trouble_with_handles(const step& s) const {
    const bool worked = !s.call.ended() || s.call.return_value() == CKR_OK;
    for (const auto& u : s.uses) {
      if (u.kind == handle_kind::session && u.thing == no_thing && worked)
        return {reason::unknown_session, model::none, {}};
      if (u.kind == handle_kind::session && u.thing != no_thing) {
        const auto opener = plan_.sessions[u.thing].opener;
        if (opener == no_thing && worked) return {reason::unknown_session, model::none, {}};
        if (opener != no_thing && plan_.steps[opener].why)
          return {reason::depends, plan_.steps[opener].call.number, {}};
      }
      if (u.kind != handle_kind::object || u.recorded == 0) continue;
      if (u.thing == no_thing) {
        if (worked) return {reason::unknown_object, model::none, {}};
        continue;
      }
      const auto maker = plan_.objects[u.thing].maker;
      if (maker != no_thing && plan_.steps[maker].why)
        return {reason::depends, plan_.steps[maker].call.number, model::describe_short(plan_.objects[u.thing].known)};
    }
    return {};
  }

  u32 session_of(session_handle handle) {
    if (const auto* s = library().find_session(handle)) return session_numbered(s->number, s->slot);
    const auto* p = library().find_past(handle);
    return p != nullptr ? session_numbered(p->number, p->slot) : no_thing;
  }

  u32 session_numbered(session_number number, slot_id slot) {
    const auto [at, is_new] = session_index_.try_emplace(number, static_cast<u32>(plan_.sessions.size()));
    if (is_new) plan_.sessions.push_back({number, slot, no_thing});
    return at->second;
  }

  u32 slot_of(slot_id id) {
    const auto [at, is_new] = slot_index_.try_emplace(id, static_cast<u32>(plan_.slots.size()));
    if (is_new) {
      plan_.slots.emplace_back();
      plan_.slots.back().known.id = id;
    }
    return at->second;
  }

  u32 object_at(slot_id slot, object_handle handle) {
    const auto* o = library().find_object(slot, handle);
    if (o == nullptr) return no_thing;
    // The model lets an object keep its number where a handle was used again; the call that first saw it differs.
    const auto [at, is_new] =
        object_index_.try_emplace({o->number, o->first_seen_in}, static_cast<u32>(plan_.objects.size()));
    if (is_new) plan_.objects.emplace_back();
    plan_.objects[at->second].known = *o;
    return at->second;
  }

  // Outputs of calls that had ended by now are known to the model.
  void settle(u64 now) {
    for (std::size_t i = 0; i < waiting_.size();) {
      if (waiting_[i].end > now) {
        ++i;
        continue;
      }
      land(waiting_[i]);
      waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  void land(const pending& p) {
    auto& s = plan_.steps[p.step];
    const auto results = model::output_numbers(s.call, s.role.result);
    if (s.role.does == effect::open_session) {
      if (results.size() == 0) return;
      const auto* opened = library().find_session(session_handle(results[0]));
      if (opened == nullptr || opened->opened_in != s.call.number) return;
      s.opens = session_numbered(opened->number, opened->slot);
      plan_.sessions[s.opens].opener = p.step;
      return;
    }
    const bool makes = s.role.does == effect::create_object;
    if (!makes && s.role.does != effect::find_step) return;
    const auto add = [&](u64 handle) {
      const auto thing = object_at(p.slot, object_handle(handle));
      s.gives.push_back(thing);
      if (thing == no_thing) return;
      if (makes) {
        plan_.objects[thing].maker = p.step;
        plan_.objects[thing].fresh = makes_fresh(s);
      } else if (s.search != no_thing) {
        plan_.searches[s.search].found.push_back(thing);
      }
    };
    for (std::size_t i = 0; i < results.size(); ++i) add(results[i]);
    const auto more = model::output_numbers(s.call, s.role.more_result);
    if (makes && more.size() != 0) add(more[0]);
  }

  bool makes_fresh(const step& s) const {
    if (s.role.which == function::C_GenerateKey || s.role.which == function::C_GenerateKeyPair ||
        s.role.which == function::C_EncapsulateKey)
      return true;
    return uses_fresh(s);
  }
  bool uses_fresh(const step& s) const {
    return std::any_of(s.uses.begin(), s.uses.end(), [&](const handle_use& u) {
      return u.kind == handle_kind::object && u.thing != no_thing && plan_.objects[u.thing].fresh;
    });
  }

  // Which search a call belongs to.
  void search(const model::call_context& now, step& s) {
    const auto session = now.session != nullptr ? now.session->number : model::none;
    if (s.role.does == effect::find_begin && now.ok) {
      current_search_[session] = s.search = static_cast<u32>(plan_.searches.size());
      plan_.searches.emplace_back();
    } else if (s.role.does == effect::find_step || s.role.does == effect::find_end) {
      const auto at = current_search_.find(session);
      if (at != current_search_.end()) s.search = at->second;
      if (s.role.does == effect::find_end && now.ok && at != current_search_.end()) current_search_.erase(at);
    }
  }

  // What a call that is left out means for later ones.
  void after(step& s) {
    s.uncounted = s.role.does == effect::find_step && left_out_objects_;
    const bool changes = s.role.does == effect::create_object || s.role.does == effect::destroy_object ||
                         s.role.does == effect::modify_object || s.role.does == effect::init_token;
    if (s.why && changes && s.call.ended() && s.call.return_value() == CKR_OK) left_out_objects_ = true;
  }

  void take_interface(const model::call& c) {
    tape::item_view item;
    tape::nested_view list;
    const auto interface = model::output_struct(c, 2);
    if (!interface || !interface->find(1, item) || !tape::nested_view::parse(item.payload, list)) return;
    const auto* row = plan_.tape->rows().structure(list.record);
    if (row == nullptr) return;
    const tape::fields_view version(row->fields, list.body);
    if (const auto major = version.word(0); major >= 3 && major < 256) {
      plan_.major = static_cast<unsigned>(major);
      plan_.minor = static_cast<unsigned>(version.word(1) & 0xff);
    }
  }

  // What the end of the tape knows of slots and of objects that are still there.
  void learn_rest() {
    const auto& in = library();
    for (const auto& [key, o] : in.objects)
      if (const auto at = object_index_.find({o.number, o.first_seen_in}); at != object_index_.end())
        plan_.objects[at->second].known = o;
    for (const auto& [id, s] : in.slots)
      if (s.token || slot_index_.contains(id)) plan_.slots[slot_of(id)].known = s;
    const auto number = [&](const std::vector<slot_id>& ids, u32 slot_thing::*place) {
      for (std::size_t i = 0; i < ids.size(); ++i) plan_.slots[slot_of(ids[i])].*place = static_cast<u32>(i);
    };
    number(in.slot_list, &slot_thing::position_of_all);
    number(in.token_list, &slot_thing::position);
  }

  // The order of ends, and for each call how many of them came before its beginning. A damaged tape may have times that
  // run backwards, by which calls would wait for each other: so a thread's beginnings never go back, and no call ends
  // before it begins.
  void order() {
    std::vector<std::pair<u64, u32>> ends;
    std::vector<u64> starts(plan_.steps.size()), latest(plan_.lanes);
    for (u32 i = 0; i < plan_.steps.size(); ++i) {
      const auto& s = plan_.steps[i];
      starts[i] = latest[s.lane] = std::max(latest[s.lane], s.call.start());
      if (s.call.ended() && s.call.depth == 0) ends.emplace_back(std::max(starts[i], s.call.leave.time), i);
    }
    std::sort(ends.begin(), ends.end());
    for (u32 i = 0; i < ends.size(); ++i) plan_.steps[ends[i].second].rank = i;
    for (u32 i = 0; i < plan_.steps.size(); ++i) {
      const auto first_not_before = std::lower_bound(ends.begin(), ends.end(), std::pair<u64, u32>(starts[i], 0));
      plan_.steps[i].needs = static_cast<u32>(first_not_before - ends.begin());
    }
  }

  // Of the calls before --from, those are made that later ones need: what changes the state of the library, and the
  // operations that go on.
  void prepare() {
    for (auto& s : plan_.steps) {
      if (s.call.number >= how_.from) continue;
      s.prepares = true;
      if (!cryptoki::changes_state(s.role.does) && !operations_.goes_on(plan_, s, how_.from) && !s.why)
        s.why = {reason::not_selected, model::none, "--from " + std::to_string(how_.from.value())};
    }
  }

  const choice& how_;
  plan plan_;
  model::state state_;
  const model::call_context* now_ = nullptr;
  operations operations_;
  arena memory_;
  bool token_object_ = false, initialised_ = false, finalised_ = false, left_out_objects_ = false;
  std::map<model::thread_number, u32> lanes_;
  std::map<session_number, u32> session_index_, current_search_;
  std::map<slot_id, u32> slot_index_;
  std::map<std::pair<model::object_number, model::call_number>, u32> object_index_;
  std::vector<pending> waiting_;
};

}  // namespace

plan make_plan(const tape::reader& tape, const choice& how) { return planner(tape, how).make(); }

}  // namespace p11tape::replay
