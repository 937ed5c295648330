// SPDX-License-Identifier: Apache-2.0
// Which slot of a module stands for which slot of the tape.
#pragma once

#include <string>
#include <vector>

#include "replay/module.hpp"
#include "replay/plan.hpp"

namespace p11tape::replay {

struct live_slot {
  model::slot_id id;
  bool has_token = false;
  std::string label, serial;  ///< without padding
};

/// All slots of the module, as its C_GetSlotList lists them.
std::vector<live_slot> ask_slots(const module& m);

/// For each slot of the tape the index of its slot of the module, or one past the last. None stands for two.
std::vector<std::size_t> match_slots(const std::vector<slot_thing>& recorded, const std::vector<live_slot>& live,
                                     const std::vector<std::pair<std::string, std::string>>& tokens);

/// "mytoken", serial 0815, in slot 3
std::string describe(const live_slot& s);

}  // namespace p11tape::replay
