// SPDX-License-Identifier: Apache-2.0
// Session objects that the process makes, and whether it destroys them.
#pragma once

#include <algorithm>
#include <unordered_map>

#include "model/state.hpp"

namespace p11tape::diagnose {

class session_objects {
 public:
  void see(const model::call_context& now) {
    if (now.ok && of_interest.has(now.role->does)) take(now);
  }

  model::u64 created = 0, destroyed = 0;  ///< destroyed: one by one, not with their session
  model::call_number first_in, last_in;   ///< that made the first and the last
  model::u64 alive = 0, most_alive = 0;
  model::call_number most_alive_in;

 private:
  static constexpr std::size_t most = 65536;
  // The effects that take() tells apart.
  static constexpr model::effect_set of_interest{cryptoki::effect::create_object, cryptoki::effect::destroy_object,
                                                 cryptoki::effect::close_session, cryptoki::effect::close_all_sessions,
                                                 cryptoki::effect::finalize};
  void take(const model::call_context& now);

  std::unordered_map<model::session_number, model::u64> by_session_;  // how many are alive
};

}  // namespace p11tape::diagnose
