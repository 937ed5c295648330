// SPDX-License-Identifier: Apache-2.0
// Who recorded: the properties that every tape carries.
#pragma once

#include <string_view>

#include "capture/settings/settings.hpp"

namespace p11tape::capture {

/// What the shim knows of itself and of the module. Strings may be null.
struct recorded_module {
  const char* shim;       ///< path of this shared object
  const char* path;       ///< of the real module, as the setting says
  const char* resolved;   ///< after symbolic links
  const char* error;      ///< why it could not be loaded
  const char* apdu;       ///< whether exchanges with a card are recorded, as FORMAT.md has it
  const void* shim_base;  ///< where each is mapped, for its build id; null: not known
  const void* module_base;
};

/// Writes the properties as FORMAT.md has them; what does not fit is left out. `forked_from`: the parent's tape, or
/// null. `no_counter`: why the times are not the CPU's counter, "" if there is nothing to say.
std::string_view write_properties(char* into, std::size_t size, const settings& s, const recorded_module& m,
                                  const char* forked_from, const char* note, const char* no_counter) noexcept;

/// The tape's name without suffix, from the setting `name`: "{program}.{pid}.{start}.{shim}" and the like.
void write_tape_name(char* into, std::size_t size, const char* pattern, const recorded_module& m) noexcept;

}  // namespace p11tape::capture
