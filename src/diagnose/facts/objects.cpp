// SPDX-License-Identifier: Apache-2.0
#include "diagnose/facts/objects.hpp"

#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "model/extract.hpp"

namespace p11tape::diagnose {
namespace {

using cryptoki::effect;

void append(std::string& key, u64 n) { key.append(reinterpret_cast<const char*>(&n), sizeof n); }

void append(std::string& key, const std::optional<std::string>& text) {
  append(key, text ? text->size() : unknown);
  if (text) key += *text;
}

}  // namespace

void objects::take(const call_context& now) {
  const auto& in = *now.process;
  switch (now.role->does) {
    case effect::find_begin:
      if (login_end_ != 0 && search_after_login_ == unknown && now.call->start() >= login_end_)
        search_after_login_ = now.call->start() - login_end_;
      [[fallthrough]];
    case effect::find_end:
    case effect::close_session:
      if (now.session != nullptr && now.session->of(model::operation::search).active) conclude(in, *now.session);
      break;
    case effect::close_all_sessions:
    case effect::finalize:
      finish(in);
      break;
    case effect::create_object:
      if (!now.ok) break;
      last_created_ = now.call->number;
      ++created_;
      break;
    case effect::describe_object:
      see_reading(now);
      break;
    case effect::login:
      if (now.ok && login_end_ == 0) login_end_ = now.call->leave.time;
      break;
    default:
      break;
  }
}

void objects::finish(const model::recorded_process& in) {
  for (const auto& [handle, s] : in.sessions)
    if (s.of(model::operation::search).active) conclude(in, s);
  snapshot(in);
}

// What is gathered of searches like that of the session; nullptr where there are too many. Often the last one is asked for
// again.
searched* objects::same_search(const model::session& s) {
  const auto& f = s.find;
  if (last_search_ < searches_.size()) {
    auto& q = searches_[last_search_];
    if (q.slot == s.slot && q.object_class == f.object_class && q.attributes == f.attributes && q.label == f.label &&
        q.id == f.id)
      return &q;
  }
  key_.clear();
  append(key_, s.slot.value());
  append(key_, f.object_class);
  append(key_, f.label);
  append(key_, f.id);
  append(key_, f.attributes);
  const auto [at, is_new] = index_.try_emplace(key_, searches_.size());
  if (is_new) {
    if (searches_.size() == most) {
      index_.erase(at);
      return nullptr;
    }
    auto& n = searches_.emplace_back();
    n.slot = s.slot;
    n.object_class = f.object_class;
    n.label = f.label;
    n.id = f.id;
    n.attributes = f.attributes;
    n.first = f.begun_in;
  }
  last_search_ = at->second;
  return &searches_[last_search_];
}

// A search has ended, or another takes its place.
void objects::conclude(const model::recorded_process& in, const model::session& s) {
  const auto& f = s.find;
  if (f.steps == 0) return;  // never asked for results: nothing is known
  if (f.found == 0 && f.unclear) return;
  if (!f.label && !f.id && !f.withheld && f.found >= many_objects) {
    ++listed_.times;
    listed_.objects += f.found;
    if (listed_.first == none) listed_.first = f.begun_in;
  }
  auto* const found = same_search(s);
  if (found == nullptr) return;
  auto& q = *found;
  ++q.times;
  q.found += f.found;
  q.most_found = std::max(q.most_found, f.found);
  q.last = f.begun_in;
  const auto* slot = in.find_slot(s.slot);
  if (f.attributes == 0 && slot != nullptr && slot->logged_in()) see_open_search(in, s, *slot);
  if (f.found != 0) {
    // Nothing, and then something, though this process made nothing and the same user was logged in.
    if (q.last_in_vain != none && q.last_found == none && q.logged_in && last_created_ < q.last_in_vain) {
      q.late_vain = q.last_in_vain;
      q.late_found = f.begun_in;
      q.late_gap = in.last_end > q.vain_wall ? in.last_end - q.vain_wall : 0;
    }
    q.last_found = f.begun_in;
    return;
  }
  ++q.in_vain;
  q.last_in_vain = f.begun_in;
  q.vain_wall = in.last_end;
  q.logged_in = slot != nullptr && slot->logged_in();
  q.login_required = slot != nullptr && slot->token && slot->token->has(CKF_LOGIN_REQUIRED);
  q.slot_name = slot != nullptr ? model::describe(*slot) : "an unknown token";
}

void objects::see_open_search(const model::recorded_process& in, const model::session& s, const model::slot& slot) {
  if (s.find.found == 0) return;
  auto& o = open_search_.emplace();
  o.call = s.find.begun_in;
  o.slot = s.slot;
  o.found = s.find.found;
  o.slot_name = model::describe(slot);
  for (const auto& [key, known] : in.objects) {
    if (known.slot != s.slot || known.session != none) continue;
    (known.object_class == unknown           ? o.unclear
     : known.object_class == CKO_PUBLIC_KEY  ? o.publics
     : known.object_class == CKO_PRIVATE_KEY ? o.privates
                                             : o.others)++;
  }
}

// What is known of the objects goes with C_Finalize: those that have a name are noted before.
void objects::snapshot(const model::recorded_process& in) {
  for (const auto& [handle, o] : in.objects) {
    if (!o.label && !o.id) continue;
    key_.clear();
    append(key_, o.slot.value());
    append(key_, o.object_class);
    append(key_, o.label);
    append(key_, o.id);
    const auto [at, is_new] = known_index_.try_emplace(key_, known_.size());
    if (!is_new) continue;
    if (known_.size() == most) {
      known_index_.erase(at);
      return;
    }
    known_.push_back(o);
  }
}

void objects::see_reading(const call_context& now) {
  const auto& c = *now.call;
  if (now.session != nullptr) {
    const auto& search = now.session->of(model::operation::search);
    if (search.active && search.touched && ++reads_.in_searches == 1) reads_.first_in_search = c.number;
  }
  ++reads_.calls;
  reads_.time += now.duration;
  const bool refused = now.value == CKR_ATTRIBUTE_SENSITIVE || now.value == CKR_ATTRIBUTE_TYPE_INVALID;
  if (refused) reads_.last_refused = c.number;
  const auto arguments = c.arguments();
  if (arguments.size() < 4) return;
  const bool is_single = arguments.word(3) == 1;
  if (!is_single) {
    refused_object_ = refused ? now.object_handle : none;
    row_object_ = none;
    return;
  }
  ++reads_.single;
  if (now.object_handle == refused_object_) ++reads_.after_refusal;
  tape::item_view item;
  if (arguments.find(2, item)) {
    const tape::sequence<tape::attribute_view> asked(item.payload);
    const auto first = asked.begin();
    if (first != asked.end() && first->has(tape::item_null)) ++reads_.sizes;
  }
  if (now.object_handle != row_object_) {
    row_object_ = now.object_handle;
    row_ = 0;
    row_begin_ = c.number;
  } else {
    ++reads_.in_rows;
  }
  if (++row_ > reads_.longest_row) {
    reads_.longest_row = row_;
    reads_.longest_row_in = row_begin_;
  }
}

}  // namespace p11tape::diagnose
