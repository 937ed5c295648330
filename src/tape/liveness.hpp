// SPDX-License-Identifier: Apache-2.0
// Whose tape it is: the fields of the header, and the lock, by which others can tell whether its process still lives.
#pragma once

#include <sys/types.h>

#include "p11tape/layout.hpp"

namespace p11tape::tape {

/// Fills in process_start, pid_namespace, time_namespace, boot and machine of a header. What is not known stays 0.
void describe_process(file_header& h) noexcept;

/// When a process of this PID namespace began, in clock ticks since boot; 0: not known. `pid` 0 is this one.
u64 start_of_process(pid_t pid) noexcept;

/// Holds the lock of FORMAT.md on a tape of ours. It goes with the last copy of the descriptor.
void hold_lock(int descriptor) noexcept;

}  // namespace p11tape::tape
