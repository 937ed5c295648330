// SPDX-License-Identifier: Apache-2.0
// Which calls belong together: an operation of a session from its C_*Init on, a search from C_FindObjectsInit on.
//
// If one of them cannot be made, none is: half an operation would leave the session in a state that it never had.
#pragma once

#include <map>
#include <vector>

#include "replay/plan.hpp"

namespace p11tape::replay {

class operations {
 public:
  /// To be told of every step in order. Refuses a step whose operation the tape does
  /// not have the beginning of, and hands on that the operation's key is a fresh one.
  void see(plan& p, u32 index, model::session_number session);

  /// Refuses all steps of operations of which one is refused.
  void spread(plan& p) const;

  /// True where the call `from` or a later one belongs to the same operation.
  bool goes_on(const plan& p, const step& s, model::call_number from) const;

 private:
  struct group {
    std::vector<u32> steps;
    bool fresh = false;  // its key, or bytes that went into it, are other ones than on the tape
  };
  void see_one(plan& p, u32 index, model::session_number session, model::operation kind, u32& belongs);

  std::vector<group> groups_;
  std::map<std::pair<model::session_number, model::operation>, u32> current_;
};

}  // namespace p11tape::replay
