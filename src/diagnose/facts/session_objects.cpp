// SPDX-License-Identifier: Apache-2.0
#include "diagnose/facts/session_objects.hpp"

#include "cryptoki/pkcs11.hpp"
#include "model/extract.hpp"

namespace p11tape::diagnose {

using cryptoki::effect;

void session_objects::take(const model::call_context& now) {
  const auto does = now.role->does;
  if (does == effect::create_object && now.session != nullptr) {
    model::object made;
    for (std::size_t which = 0; model::made_by(*now.call, *now.role, *now.process, now.slot_id, which, made); ++which) {
      if (made.is(model::bit_token)) continue;
      ++created;
      ++alive;
      if (by_session_.size() < most) ++by_session_[now.session->number];
      last_in = now.call->number;
      if (first_in == model::none) first_in = now.call->number;
      if (alive > most_alive) {
        most_alive = alive;
        most_alive_in = now.call->number;
      }
    }
  } else if (does == effect::destroy_object && now.key != nullptr && now.key->session != model::none) {
    ++destroyed;
    if (alive != 0) --alive;
    const auto i = by_session_.find(now.key->session);
    if (i != by_session_.end() && i->second != 0) --i->second;
  } else if (does == effect::close_session && now.session != nullptr) {
    const auto i = by_session_.find(now.session->number);
    if (i == by_session_.end()) return;
    alive -= std::min(alive, i->second);
    by_session_.erase(i);
  } else if (does == effect::close_all_sessions || does == effect::finalize) {
    alive = 0;
    by_session_.clear();
  }
}

}  // namespace p11tape::diagnose
