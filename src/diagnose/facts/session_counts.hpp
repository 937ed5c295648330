// SPDX-License-Identifier: Apache-2.0
// How many sessions were opened, on which slots, and how many stayed open.
#pragma once

#include <vector>

#include "model/state.hpp"

namespace p11tape::diagnose {

using model::call_context;
using model::call_number;
using model::none;
using model::u64;

class session_counts {
 public:
  void see(const call_context& now) {
    switch (now.role->does) {
      case cryptoki::effect::open_session:
        see_open(now);
        break;
      case cryptoki::effect::close_session:
      case cryptoki::effect::close_all_sessions:
        if (now.ok) see_close(now);
        break;
      case cryptoki::effect::none:
        if (now.which == cryptoki::function::C_GetSessionInfo && now.ok && login_kept_in == none) see_state(now);
        break;
      default:
        break;
    }
  }

  std::vector<model::slot_id> opened_slots;  ///< that a session was asked for
  call_number first_open;                    ///< the first call that asked for one
  u64 opened = 0, closed = 0;
  u64 most_open = 0;
  call_number most_open_in;
  u64 reused = 0;             ///< handles given again right after they were closed
  call_number login_kept_in;  ///< showed a user logged in although the last session had been closed

 private:
  void see_open(const call_context& now);
  void see_close(const call_context& now);
  void see_state(const call_context& now);

  model::session_handle last_closed_;
};

}  // namespace p11tape::diagnose
