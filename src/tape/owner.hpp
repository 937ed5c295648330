// SPDX-License-Identifier: Apache-2.0
// Whether the process that a tape belongs to still runs, as far as the file can tell.
//
// A process id means something within one PID namespace of one boot only. Tapes of containers and of other hosts can lie in the
// same directory, so the id alone decides nothing.
#pragma once

#include "p11tape/layout.hpp"

namespace p11tape::tape {

enum class owner_state : u8 { running, ended, unknown };

/// `descriptor`: a tape, open for reading. `theirs`: its header. `ours`: that of a tape of this process. `local`: the
/// directory is on a file system that no other host can have mounted.
owner_state state_of_owner(int descriptor, const file_header& theirs, const file_header& ours, bool local) noexcept;

/// True if the tape holds what people look for after a failure: a call that never returned, or a return value that is
/// not routine. Reads the first chunks of slots.
bool holds_failure(int descriptor, const file_header& header) noexcept;

}  // namespace p11tape::tape
