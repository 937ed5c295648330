// SPDX-License-Identifier: Apache-2.0
#include "diagnose/facts/logins.hpp"

#include "cryptoki/pkcs11.hpp"
#include "text/slot_number.hpp"

namespace p11tape::diagnose {

void logins::take(const call_context& now, const std::string& card) {
  const auto& c = *now.call;
  const auto& r = *now.role;
  pin_use u;
  u.which = now.which;
  u.call = c.number;
  u.wall = c.start_wall();
  u.thread = c.thread.number;
  u.duration = now.duration;
  u.slot = now.slot_id;
  u.slot_name = now.slot != nullptr   ? model::describe(*now.slot)
                : now.slot_id == none ? "an unknown token"
                                      : text::slot(now.slot_id.value());
  if (r.user >= 0 && c.begun()) u.user = now.word(r.user);
  u.value = now.value;
  u.ended = now.ended;
  u.card = card;
  u.pin_given = c.arguments().given(static_cast<std::size_t>(r.pin));
  tape::item_view item;
  const auto facts = [&](std::int8_t argument, tape::pin_facts& out) {
    return argument >= 0 && c.arguments().find(static_cast<std::size_t>(argument), item) &&
           item.form == tape::item_form::pin && tape::parse_pin(item.payload, out);
  };
  u.pin_known = facts(r.pin, u.pin);
  u.new_pin_known = facts(r.new_pin, u.new_pin);
  if (now.slot != nullptr && now.slot->token) {
    u.token_known = true;
    u.token_flags = now.slot->token->flags;
    u.min_pin = now.slot->token->min_pin;
    u.max_pin = now.slot->token->max_pin;
  }
  if (r.does == cryptoki::effect::login) {
    if (u.user == CKU_CONTEXT_SPECIFIC) {
      ++context_specific_;
    } else {
      ++tried_;
      if (u.ok()) {
        ++succeeded_;
        last_success_ = c.number;
        if (first_success_ == none) first_success_ = c.number;
      }
    }
  }
  if (all_.size() >= most) all_.erase(all_.begin() + most / 2, all_.begin() + most * 3 / 4);
  all_.push_back(std::move(u));
}

}  // namespace p11tape::diagnose
