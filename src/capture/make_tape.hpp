// SPDX-License-Identifier: Apache-2.0
// Making the tape of this process, with the settings that say where and how.
#pragma once

#include "capture/host/identity.hpp"
#include "capture/settings/settings.hpp"
#include "tape/file.hpp"

namespace p11tape::capture {

/// Creates the tape in the folder of the settings, or else in the default folder. False, and said, where neither works.
/// Called by one thread at a time.
bool make_tape(tape::file& tape, const settings& s, const recorded_module& m) noexcept;

}  // namespace p11tape::capture
