// SPDX-License-Identifier: Apache-2.0
#include "replay/handles.hpp"

#include "model/extract.hpp"
#include "text/slot_number.hpp"

namespace p11tape::replay {

using model::object_handle;
using model::session_handle;
using model::slot_id;

u64 handle_translator::translate(std::string_view, u64 recorded) {
  // The plan walked over the same bytes in the same order.
  if (next_ >= step_.uses.size() || step_.uses[next_].recorded != recorded) return 0;
  const auto& use = step_.uses[next_++];
  switch (use.kind) {
    case handle_kind::session:
      return session(use).value();
    case handle_kind::object:
      return object(use).value();
    default:
      return slot(use).value();
  }
}

// A handle that meant nothing is replaced by the invalid one, which means nothing anywhere.
session_handle handle_translator::session(const handle_use& use) {
  constexpr session_handle invalid(CK_INVALID_HANDLE);
  if (use.thing == no_thing) return invalid;
  const auto handle = world_.session(use.thing);
  if (handle == model::none) {
    const auto opener = plan_.sessions[use.thing].opener;
    if (step_.call.ended() && step_.call.return_value() != CKR_OK && opener == no_thing) return invalid;
    why_ = {reason::depends, opener == no_thing ? model::none : plan_.steps[opener].call.number, {}};
    return invalid;
  }
  return handle;
}

object_handle handle_translator::object(const handle_use& use) {
  constexpr object_handle invalid(CK_INVALID_HANDLE);
  if (use.thing == no_thing) return invalid;
  const auto handle = world_.object(use.thing);
  if (handle != model::none) return handle;
  const auto& o = plan_.objects[use.thing];
  const bool made = o.maker != no_thing;
  why_ = {made ? reason::depends : reason::no_counterpart, made ? plan_.steps[o.maker].call.number : model::none,
          model::describe_short(o.known)};
  return invalid;
}

slot_id handle_translator::slot(const handle_use& use) {
  const auto id = use.thing == no_thing ? model::none : world_.slot(use.thing);
  if (id != model::none) return id;
  const bool was_invalid = step_.call.ended() && step_.call.return_value() != CKR_OK;
  if (!was_invalid) why_ = {reason::not_mapped, model::none, text::slot(use.recorded)};
  return world_.no_slot();
}

bool same_things::same(diff::handle_kind what, u64 a, u64 b, bool) {
  const auto known = [&](const handle_use& u) {
    return u.recorded == a && u.thing != no_thing && static_cast<int>(u.kind) == static_cast<int>(what);
  };
  switch (what) {
    case diff::handle_kind::session:
      if (step_.opens != no_thing) return world_.session(step_.opens) == session_handle(b);
      for (const auto& u : step_.uses)
        if (known(u)) return world_.session(u.thing) == session_handle(b);
      return true;
    case diff::handle_kind::slot:
      for (std::size_t i = 0; i < plan_.slots.size(); ++i)
        if (plan_.slots[i].known.id == slot_id(a)) return world_.slot(static_cast<u32>(i)) == slot_id(b);
      return true;
    default:
      break;
  }
  for (const auto& u : step_.uses)
    if (known(u)) return world_.object(u.thing) == object_handle(b);
  for (const auto thing : step_.gives)
    if (thing != no_thing && plan_.objects[thing].known.handle == object_handle(a))
      return world_.object(thing) == object_handle(b);
  return true;
}

}  // namespace p11tape::replay
