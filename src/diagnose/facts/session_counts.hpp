// SPDX-License-Identifier: Apache-2.0
// How many sessions were opened, on which slots, and how many stayed open.
#pragma once

#include <vector>

#include "model/state.hpp"

namespace p11tape::diagnose {

using model::call_context;
using model::u64;
using model::unknown;

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
        if (now.which == cryptoki::function::C_GetSessionInfo && now.ok && login_kept_in == 0) see_state(now);
        break;
      default:
        break;
    }
  }

  std::vector<u64> opened_slots;  ///< that a session was asked for
  u64 first_open = 0;             ///< number of the first call that asked for one, 0 for none
  u64 opened = 0, closed = 0;
  u64 most_open = 0, most_open_in = 0;
  u64 reused = 0;         ///< handles given again right after they were closed
  u64 login_kept_in = 0;  ///< call that showed a user logged in although the last session had been closed; 0 for none

 private:
  void see_open(const call_context& now);
  void see_close(const call_context& now);
  void see_state(const call_context& now);

  u64 last_closed_ = unknown;
};

}  // namespace p11tape::diagnose
