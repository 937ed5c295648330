// SPDX-License-Identifier: Apache-2.0
// The live log as the settings ask for it.
#pragma once

#include "capture/settings/settings.hpp"
#include "log/live_log.hpp"

namespace p11tape::capture {

/// Starts the log of this process, where there is to be one. False: there is none.
bool start_log(const settings& s) noexcept;

}  // namespace p11tape::capture
