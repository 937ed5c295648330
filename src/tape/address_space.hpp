// SPDX-License-Identifier: Apache-2.0
// How much of the host's address space a tape may take.
#pragma once

#include "p11tape/layout.hpp"

namespace p11tape::tape {

/// `wanted` bytes, or less: at most a sixteenth of what RLIMIT_AS leaves, and of what RLIMIT_MEMLOCK leaves if the kernel
/// locks every new mapping in memory (mlockall with MCL_FUTURE).
u64 affordable(u64 wanted) noexcept;

}  // namespace p11tape::tape
