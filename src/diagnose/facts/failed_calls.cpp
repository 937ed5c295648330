// SPDX-License-Identifier: Apache-2.0
#include "diagnose/facts/failed_calls.hpp"

#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "model/extract.hpp"
#include "text/slot_number.hpp"

namespace p11tape::diagnose {
namespace {

using tape::item_form;
using tape::item_view;

// What was passed as the mechanism's parameter, in numbers and in words.
void take_parameter(sample& s, const tape::schema& rows, const tape::mechanism_view& m) {
  s.parameter_given = m.has_parameter;
  s.parameter_length = m.parameter_length;
  tape::nested_view nested;
  const auto& item = m.parameter;
  if (!m.has_parameter || item.form != item_form::record || !tape::nested_view::parse(item.payload, nested)) return;
  const auto* row = rows.structure(nested.record);
  if (row == nullptr) return;
  s.parameter_struct = row->name;
  const tape::fields_view fields(row->fields, nested.body);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& f = fields.row()[i];
    if (f.kind != cryptoki::shape::number) continue;
    const auto value = fields.word(i);
    s.parameter_fields.emplace_back(f.name, value);
    const auto name = f.meaning == "plain" ? "" : cryptoki::display_name(f.meaning, value);
    s.parameter +=
        (s.parameter.empty() ? "" : ", ") + std::string(f.name) + " = " + (name.empty() ? std::to_string(value) : name);
  }
}

void take_template(sample& s, const call_context& now) {
  s.values = read_template(model::template_of(*now.call, now.role->values));
  if (now.role->more_values >= 0) s.more_values = read_template(model::template_of(*now.call, now.role->more_values));
  s.session_object = !s.values.is(CKA_TOKEN) && !s.more_values.is(CKA_TOKEN);
  s.object_class = s.values.number(CKA_CLASS, unknown);
}

bool looks_like_the_module(u64 value) noexcept {
  return value == CKR_GENERAL_ERROR || value == CKR_FUNCTION_FAILED || value == CKR_DEVICE_ERROR ||
         value == CKR_DEVICE_REMOVED || value == CKR_DEVICE_MEMORY || value == CKR_HOST_MEMORY ||
         value >= CKR_VENDOR_DEFINED;
}

}  // namespace

std::vector<const failed_call*> failed_calls::with(std::initializer_list<u64> values) const {
  std::vector<const failed_call*> found;
  for (const auto& i : all_)
    if (std::find(values.begin(), values.end(), i.value) != values.end()) found.push_back(&i);
  return found;
}

const failed_call* failed_calls::find(cryptoki::function f, u64 value) const noexcept {
  const auto i = index_.find(value << 8 ^ static_cast<u64>(f));
  return i == index_.end() || all_[i->second].which != f || all_[i->second].value != value ? nullptr : &all_[i->second];
}

void failed_calls::inherit_slots(const std::vector<slot_id>& listed) {
  for (auto& i : all_)
    for (auto& s : i.samples) {
      if (s.slots_asked) continue;
      s.slots_asked = true;
      s.listed_slots = listed;
      s.slot_listed = std::find(listed.begin(), listed.end(), s.slot) != listed.end();
    }
}

// The samples that still take note of what came after them.
void failed_calls::note_neighbours(const call_context& now) {
  for (auto& w : watched_) {
    if (w.thread != now.call->thread.number) continue;
    auto& i = all_[w.at];
    auto& s = i.samples[w.sample];
    if (s.after.size() < neighbours) s.after.push_back({now.call->number, now.value, now.which, now.ended});
    if (now.ok && now.which == i.which && s.recovered_in == none) s.recovered_in = now.call->number;
    --w.left;
  }
  std::erase_if(watched_, [](const watched& w) { return w.left == 0; });
}

void failed_calls::see_failure(const call_context& now, const std::string& card) {
  if (!now.ended) {
    if (unreturned_.size() < most_unreturned)
      unreturned_.push_back({now.which, CKR_OK, 1, now.call->number, now.call->number, {sample_of(now)}});
    return;
  }
  take_sample(now, card);
  if (before_module_failure_.empty() && looks_like_the_module(now.value)) before_module_failure_ = last_.in_order();
}

void failed_calls::take_sample(const call_context& now, const std::string& card) {
  const auto key = now.value << 8 ^ static_cast<u64>(now.which);
  const auto [at, is_new] = index_.try_emplace(key, all_.size());
  if (is_new) {
    if (all_.size() == most) {
      index_.erase(at);
      return;
    }
    all_.push_back({now.which, now.value, 0, now.call->number, none, {}});
  }
  auto& i = all_[at->second];
  ++i.count;
  i.last = now.call->number;
  if (i.samples.size() == most_samples) return;
  i.samples.emplace_back(sample_of(now)).card = card;
  if (watched_.size() < most_watched)
    watched_.push_back({at->second, i.samples.size() - 1, now.call->thread.number, soon});
}

sample failed_calls::sample_of(const call_context& now) const {
  const auto& c = *now.call;
  const auto& in = *now.process;
  sample s;
  s.call = c.number;
  s.value = now.value;
  s.wall = c.start_wall();
  s.thread = c.thread.number;
  s.idle = in.last_end != 0 && c.start() > in.last_end ? c.start() - in.last_end : 0;
  s.session_handle = now.session_handle;
  s.session_open = now.session != nullptr;
  if (now.session != nullptr) {
    s.session_writes = now.session->writes();
    if (now.session->opened_in != none) s.session_flags = now.session->flags;
    if (now.role->on != model::operation::no_operation) s.operation = now.session->of(now.role->on);
  } else if (now.session_handle != none) {
    if (const auto* p = in.find_past(now.session_handle)) s.session_end = *p;
  }
  s.slot = now.slot_id;
  s.slot_name = now.slot != nullptr   ? model::describe(*now.slot)
                : now.slot_id == none ? "an unknown token"
                                      : text::slot(now.slot_id.value());
  const auto listed = [&](const auto& ids) { return std::find(ids.begin(), ids.end(), now.slot_id) != ids.end(); };
  s.slot_listed = listed(in.slot_list) || listed(in.token_list);
  s.slots_asked = in.slot_list_in != none || in.token_list_in != none;
  s.listed_slots = in.token_list.empty() ? in.slot_list : in.token_list;
  s.login_known = in.initialized_in != none;
  s.sessions = in.sessions.size();
  for (const auto& [handle, open] : in.sessions) {
    s.sessions_on_slot += open.slot == now.slot_id;
    s.read_only_sessions += open.slot == now.slot_id && open.opened_in != none && !open.writes();
  }
  if (now.slot != nullptr) {
    s.slot_known = now.slot->info_in != none;
    s.slot_flags = now.slot->flags;
    s.logged_in = now.slot->logged_in();
    s.user = now.slot->user;
    s.mechanisms_known = now.slot->mechanisms_in != none;
    if (now.slot->token) {
      s.token_known = true;
      s.token_flags = now.slot->token->flags;
      s.login_required = now.slot->token->has(CKF_LOGIN_REQUIRED);
      s.min_pin = now.slot->token->min_pin;
      s.max_pin = now.slot->token->max_pin;
    }
  }
  s.object_handle = now.object_handle;
  if (now.key != nullptr) {
    s.key = *now.key;
    s.key_name = model::describe(in, *now.key);
  } else if (now.object_handle != none) {
    if (const auto* p = in.find_past(now.object_handle)) s.object_end = *p;
  }
  s.mechanism = now.mechanism;
  if (now.mechanism != unknown && now.slot != nullptr) {
    s.offered = now.slot->offers(now.mechanism);
    s.mechanisms = now.slot->mechanisms;
    if (const auto i = now.slot->limits.find(now.mechanism); i != now.slot->limits.end()) s.limits = i->second;
  }
  const auto& r = *now.role;
  item_view item;
  tape::mechanism_view m;
  if (r.mechanism >= 0 && c.tape->word_size() == sizeof(CK_ULONG) &&
      c.arguments().find(static_cast<std::size_t>(r.mechanism), item) && tape::mechanism_view::parse(item.payload, m)) {
    s.parameter_known = true;
    take_parameter(s, c.tape->rows(), m);
  }
  if (r.second_object >= 0) {
    s.second_handle = object_handle(now.word(r.second_object));
    if (const auto* o = in.find_object(now.slot_id, s.second_handle)) {
      s.second_key = *o;
      s.second_key_name = model::describe(in, *o);
    }
  }
  if (r.user >= 0) s.user_asked = now.word(r.user);
  if (r.flags >= 0) s.flags = now.word(r.flags);
  if (r.output >= 0) s.output_given = c.arguments().given(static_cast<std::size_t>(r.output));
  if (r.output_length >= 0 && c.arguments().find(static_cast<std::size_t>(r.output_length), item))
    s.output_room = item.number();
  tape::pin_facts pin;
  if (r.pin >= 0 && c.arguments().find(static_cast<std::size_t>(r.pin), item) && item.form == item_form::pin &&
      tape::parse_pin(item.payload, pin)) {
    s.pin_known = true;
    s.pin_length = pin.length;
  }
  if (r.input_length >= 0) s.input_length = now.word(r.input_length);
  if (r.pin >= 0) s.pointer_given = c.arguments().given(static_cast<std::size_t>(r.pin));
  if (r.values >= 0) take_template(s, now);
  if (const auto* const mine = recent_.look_up(c.thread.number)) s.before = mine->in_order();
  s.initialized = in.initialized == model::known::yes;
  s.finalized_in = in.finalized_in;
  s.finalized_by = in.finalized_by;
  if (const auto i = logouts_.find(now.slot_id); i != logouts_.end()) {
    s.logout_in = i->second.call;
    s.logout_by = i->second.thread;
  }
  return s;
}

}  // namespace p11tape::diagnose
