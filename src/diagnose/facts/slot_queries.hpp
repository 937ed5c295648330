// SPDX-License-Identifier: Apache-2.0
// What a client asked about slots and tokens, and how often: C_GetSlotList, C_GetSlotInfo, C_GetTokenInfo,
// C_GetMechanismList.
#pragma once

#include <string>
#include <unordered_map>

#include "model/state.hpp"

namespace p11tape::diagnose {

using model::call_context;
using model::call_number;
using model::none;
using model::u64;
using model::unknown;

/// Queries that a client repeats to notice a change.
struct poll {
  u64 count = 0;
  call_number first, last;
  u64 first_wall = 0, last_wall = 0;  ///< ns since 1970
  u64 time = 0;                       ///< ns of all
};

class slot_queries {
 public:
  void see(const call_context& now) {
    if (now.role->does == cryptoki::effect::describe_token) see_query(now);
    if (now.role->does == cryptoki::effect::open_session) session_asked_ = true;
  }

  u64 slots_with_token = unknown, slots_without_token = unknown;  ///< as last counted; `unknown`: never asked
  u64 most_with_token = 0;
  call_number counted_in;  ///< the last call that counted slots with tokens
  u64 token_infos = 0;     ///< successful ones
  call_number first_token_info, last_token_info;

  poll polls;
  u64 most_alike = 0;           ///< of one function on one slot, before the first session
  std::string most_alike_name;  ///< that function

  call_number mechanisms_changed_in;  ///< showed another list of mechanisms than before

 private:
  void see_query(const call_context& now);
  void see_poll(const call_context& now);
  void see_slot_count(const call_context& now);
  void see_mechanisms(const call_context& now);

  bool session_asked_ = false;
  std::unordered_map<u64, u64> alike_;  // function and slot -> how many
};

}  // namespace p11tape::diagnose
