// SPDX-License-Identifier: Apache-2.0
#include "model/state.hpp"

#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "model/extract.hpp"
#include "model/transitions.hpp"

namespace p11tape::model {

bool slot::offers(u64 mechanism) const noexcept {
  for (const auto m : mechanisms)
    if (m == mechanism) return true;
  return false;
}

const past* recorded_process::find_past(session_handle handle) const noexcept {
  if (handle == none) return nullptr;
  const auto i = std::find_if(ended.rbegin(), ended.rend(), [&](const past& p) { return p.session == handle; });
  return i == ended.rend() ? nullptr : &*i;
}

const past* recorded_process::find_past(object_handle handle) const noexcept {
  if (handle == none) return nullptr;
  const auto i = std::find_if(ended.rbegin(), ended.rend(), [&](const past& p) { return p.object == handle; });
  return i == ended.rend() ? nullptr : &*i;
}

state::state(std::span<const tape::reader* const> tapes) : changes_(std::make_unique<transitions>(tapes)) {}

state::state(const tape::reader& tape) {
  const tape::reader* one = &tape;
  changes_ = std::make_unique<transitions>(std::span(&one, 1));
}

state::~state() = default;

const std::vector<std::unique_ptr<recorded_process>>& state::libraries() const noexcept { return changes_->libraries; }

void state::finish() {
  now_ = {};
  changes_->finish();
}

const call_context& state::take(const call& c) {
  // A function that the tape's schema does not describe changes nothing that we could know of.
  static const function_role nameless;
  auto& in = *changes_->libraries[c.tape_index];
  changes_->settle(in, c);

  now_ = {};
  now_.call = &c;
  now_.process = &in;
  now_.role = c.function_number < in.roles.size() ? &in.roles[c.function_number] : &nameless;
  now_.which = now_.role->which;
  now_.ended = c.ended();
  now_.value = now_.ended ? c.return_value() : CKR_OK;
  now_.ok = now_.ended && now_.value == CKR_OK;
  now_.duration = c.duration();
  const auto& r = *now_.role;
  now_.asks = r.output >= 0 && c.begun() && !c.arguments().given(static_cast<std::size_t>(r.output));
  if (r.session >= 0 && c.begun()) {
    now_.session_handle = session_handle(now_.word(r.session));
    now_.session = in.find_session(now_.session_handle);
    if (now_.session != nullptr) now_.slot_id = now_.session->slot;
  } else if (r.slot >= 0 && c.begun()) {
    now_.slot_id = slot_id(now_.word(r.slot));
  }
  if (now_.slot_id != none) now_.slot = in.find_slot(now_.slot_id);
  if (r.mechanism >= 0) now_.mechanism = mechanism_of(c, r);
  if (r.object >= 0 && c.begun()) {
    now_.object_handle = object_handle(now_.word(r.object));
    now_.key = in.find_object(now_.slot_id, now_.object_handle);
  } else if (now_.session != nullptr && r.on != operation::no_operation && r.does != cryptoki::effect::begin) {
    const auto& o = now_.session->of(r.on);
    if (o.active) {
      now_.mechanism = o.mechanism;
      now_.key = in.find_object(now_.slot_id, o.key);
    }
  }
  changes_->depart(in, now_);
  return now_;
}

}  // namespace p11tape::model
