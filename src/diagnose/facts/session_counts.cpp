// SPDX-License-Identifier: Apache-2.0
#include "diagnose/facts/session_counts.hpp"

#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "model/extract.hpp"

namespace p11tape::diagnose {

constexpr std::size_t most_slots = 4096;

void session_counts::see_open(const call_context& now) {
  const auto& in = *now.process;
  const auto number = now.call->number;
  if (first_open == none) first_open = number;
  if (opened_slots.size() < most_slots &&
      std::find(opened_slots.begin(), opened_slots.end(), now.slot_id) == opened_slots.end())
    opened_slots.push_back(now.slot_id);
  if (!now.ok) return;
  ++opened;
  const auto handle = model::output_numbers(*now.call, now.role->result);
  if (handle.size() != 0 && model::session_handle(handle[0]) == last_closed_) ++reused;
  if (in.sessions.size() + 1 > most_open) {
    most_open = in.sessions.size() + 1;
    most_open_in = number;
  }
}

void session_counts::see_close(const call_context& now) {
  if (now.role->does == cryptoki::effect::close_session) {
    ++closed;
    last_closed_ = now.session_handle;
  } else if (now.slot != nullptr) {
    closed += now.slot->sessions;
  }
}

// A user is logged in although the login ended with the last session.
void session_counts::see_state(const call_context& now) {
  if (now.slot == nullptr || now.slot->logged_in() || now.slot->login_in == none) return;
  const auto info = model::output_struct(*now.call, 1);
  if (!info) return;
  const auto state = model::number_named(*info, "state");
  if (state == CKS_RO_USER_FUNCTIONS || state == CKS_RW_USER_FUNCTIONS) login_kept_in = now.call->number;
}

}  // namespace p11tape::diagnose
