// SPDX-License-Identifier: Apache-2.0
#include "diagnose/facts/failed_calls.hpp"

#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "model/extract.hpp"

namespace p11tape::diagnose {
namespace {

using tape::item_form;
using tape::item_view;

// The fields of RSA-PSS and OAEP parameters: what is wrong most often.
std::string parameter_in_words(const tape::schema& rows, const item_view& parameter) {
  tape::nested_view nested;
  if (parameter.form != item_form::record || !tape::nested_view::parse(parameter.payload, nested)) return {};
  const auto* row = rows.structure(nested.record);
  if (row == nullptr) return {};
  const tape::fields_view fields(row->fields, nested.body);
  std::string text;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& f = fields.row()[i];
    if (f.kind != cryptoki::shape::number) continue;
    const auto name = f.meaning == "plain" ? "" : cryptoki::display_name(f.meaning, fields.word(i));
    text +=
        (text.empty() ? "" : ", ") + std::string(f.name) + " " + (name.empty() ? std::to_string(fields.word(i)) : name);
  }
  return text;
}

void take_template(sample& s, const call_context& now) {
  const auto payload = model::template_of(*now.call, now.role->values);
  s.session_object = true;
  for (const auto& a : tape::sequence<tape::attribute_view>(payload)) {
    if (s.attributes.size() < 64) s.attributes.push_back(a.type);
    const bool is_number = a.form == item_form::number;
    if (a.type == CKA_CLASS && is_number) s.object_class = a.number();
    if (a.type == CKA_TOKEN)
      s.session_object = is_number ? a.number() == 0 : a.payload.empty() || a.payload[0] == std::byte{0};
  }
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

void failed_calls::see_failure(const call_context& now, const std::string& card) {
  const auto key = now.value << 8 ^ static_cast<u64>(now.which);
  const auto [at, is_new] = index_.try_emplace(key, all_.size());
  if (is_new) {
    if (all_.size() == most) {
      index_.erase(at);
      return;
    }
    all_.push_back({now.which, now.value, 0, now.call->number, 0, {}});
  }
  auto& i = all_[at->second];
  ++i.count;
  i.last = now.call->number;
  if (i.samples.size() < most_samples) i.samples.emplace_back(sample_of(now)).card = card;
}

sample failed_calls::sample_of(const call_context& now) const {
  const auto& c = *now.call;
  const auto& in = *now.process;
  sample s;
  s.call = c.number;
  s.wall = c.start_wall();
  s.thread = c.thread.number;
  s.idle = in.last_end != 0 && c.start() > in.last_end ? c.start() - in.last_end : 0;
  s.session_handle = now.session_handle;
  s.session_open = now.session != nullptr;
  if (now.session != nullptr) {
    s.session_writes = now.session->writes();
    if (now.role->on != model::operation::none) s.operation = now.session->of(now.role->on);
  } else if (now.session_handle != unknown) {
    if (const auto* p = in.find_past(now.session_handle, true)) s.session_end = *p;
  }
  s.slot = now.slot_id;
  s.slot_name = now.slot != nullptr      ? model::describe(*now.slot)
                : now.slot_id == unknown ? "an unknown token"
                                         : "slot " + std::to_string(now.slot_id);
  const auto listed = [&](const auto& ids) { return std::find(ids.begin(), ids.end(), now.slot_id) != ids.end(); };
  s.slot_listed = listed(in.slot_list) || listed(in.token_list);
  if (now.slot != nullptr) {
    s.slot_known = now.slot->info_in != 0;
    s.slot_flags = now.slot->flags;
    s.logged_in = now.slot->logged_in();
    s.mechanisms_known = now.slot->mechanisms_in != 0;
    if (now.slot->token) {
      s.token_known = true;
      s.token_flags = now.slot->token->flags;
      s.login_required = now.slot->token->has(CKF_LOGIN_REQUIRED);
    }
  }
  s.object_handle = now.object_handle;
  if (now.key != nullptr) {
    s.key = *now.key;
    s.key_name = model::describe(in, *now.key);
  } else if (now.object_handle != unknown) {
    if (const auto* p = in.find_past(now.object_handle, false)) s.object_end = *p;
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
  if (r.mechanism >= 0 && c.arguments().find(static_cast<std::size_t>(r.mechanism), item) &&
      tape::mechanism_view::parse(item.payload, m) && m.has_parameter)
    s.parameter = parameter_in_words(c.tape->rows(), m.parameter);
  if (r.input_length >= 0) s.input_length = now.word(r.input_length);
  if (r.pin >= 0) s.pointer_given = c.arguments().given(static_cast<std::size_t>(r.pin));
  if (r.values >= 0) take_template(s, now);
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
