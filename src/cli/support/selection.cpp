// SPDX-License-Identifier: Apache-2.0
#include "cli/support/selection.hpp"

#include <charconv>

#include "model/call_stream.hpp"
#include "model/extract.hpp"

namespace p11tape::cli {
namespace {

using cryptoki::effect;

// 42 or 0x2a.
model::object_handle parse_handle(std::string_view text) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n, hex ? 16 : 10);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return model::none;
  return model::object_handle(n);
}

bool ends_logins(effect e) noexcept {
  return e == effect::logout || e == effect::close_session || e == effect::close_all_sessions || e == effect::finalize;
}

std::string counted(std::uint64_t n, const char* what) {
  return n == 0 ? std::string("none") : "only " + std::to_string(n) + " " + what;
}

}  // namespace

std::string selection::prepare(const std::vector<const tape::reader*>& tapes) {
  handle_ = parse_handle(object);
  if (session == 0 && login == 0) return {};
  model::call_stream calls(tapes);
  model::state state(tapes);
  std::uint64_t sessions = 0;
  while (const auto* call = calls.next()) {
    const auto& now = state.take(*call);
    if (now.session != nullptr) {
      sessions = std::max(sessions, now.session->number.value());
      if (now.session->number == model::session_number(session)) opened_in_ = now.session->opened_in;
    }
    if (login != 0) look_for_login(now);
  }
  state.finish();
  if (session > sessions)
    return "--session " + std::to_string(session) + ": there are " + counted(sessions, "sessions");
  if (login != 0 && !login_)
    return "--login " + std::to_string(login) + ": there are " + counted(logins_, "calls of C_Login");
  return {};
}

// The login lasts until a logout, the end of its token's last session or C_Finalize; one that failed is over at once.
void selection::look_for_login(const model::call_context& now) {
  const auto& c = *now.call;
  if (login_open_ && c.tape_index == login_->tape) {
    const auto* at = now.process->find_slot(login_->slot);
    if (ender_ != model::none && (at == nullptr || !at->logged_in())) {
      login_->last = ender_;
      login_open_ = false;
    } else if (ends_logins(now.role->does)) {
      ender_ = c.number;
      login_->last = c.number;
    } else {
      login_->last = c.number;
    }
  }
  if (now.role->does != effect::login || ++logins_ != login) return;
  const auto opened = now.session != nullptr ? now.session->opened_in : model::none;
  login_ = span{c.tape_index, now.slot_id, opened != model::none ? opened : c.number, c.number};
  login_open_ = now.ok;
}

bool selection::of_login(const model::call_context& now) const {
  const auto& c = *now.call;
  if (!login_ || c.tape_index != login_->tape || c.number < login_->first || c.number > login_->last) return false;
  return now.slot_id == login_->slot || now.role->does == effect::finalize || c.number == login_->first;
}

bool selection::is_object(const model::object& o) const {
  return (handle_ != model::none && o.handle == handle_) || (o.label && *o.label == object);
}

bool selection::of_object(const model::call_context& now) const {
  const auto& c = *now.call;
  const auto& r = *now.role;
  const auto is_handle = [&](model::object_handle handle) { return handle_ != model::none && handle == handle_; };
  if (now.key != nullptr && is_object(*now.key)) return true;
  for (const auto argument : {r.object, r.second_object}) {
    if (argument < 0 || !c.begun()) continue;
    const model::object_handle handle(now.word(argument));
    if (is_handle(handle)) return true;
    const auto* o = now.process->find_object(now.slot_id, handle);
    if (o != nullptr && is_object(*o)) return true;
  }
  if (r.does == effect::find_begin) {
    model::search asked;
    model::learn(asked, model::template_of(c, r.values));
    if (asked.label && *asked.label == object) return true;
  }
  const bool in_search = r.does == effect::find_step || r.does == effect::find_end;
  if (in_search && now.session != nullptr && now.session->find.label && *now.session->find.label == object) return true;
  model::object made;
  for (std::size_t which = 0; model::made_by(c, r, *now.process, now.slot_id, which, made); ++which)
    if (is_object(made)) return true;
  if (!now.ok || r.does == effect::open_session) return false;
  for (const auto argument : {r.result, r.more_result}) {
    const auto given = model::output_numbers(c, argument);
    for (std::size_t i = 0; argument >= 0 && i < given.size(); ++i) {
      const model::object_handle handle(given[i]);
      if (is_handle(handle)) return true;
      const auto* o = now.process->find_object(now.slot_id, handle);
      if (o != nullptr && is_object(*o)) return true;
    }
  }
  return false;
}

bool selection::lets(const model::call_context& now) const {
  if (session != 0 && !(now.session != nullptr && now.session->number == model::session_number(session)) &&
      !(opened_in_ != model::none && now.call->number == opened_in_))
    return false;
  if (!object.empty() && !of_object(now)) return false;
  return login == 0 || of_login(now);
}

}  // namespace p11tape::cli
