// SPDX-License-Identifier: Apache-2.0
// What the parts of the recorder share. There is one recorder a process; all of it lies in static storage and is never
// destroyed: calls may come after main and after static destructors.
#pragma once

#include <atomic>

#include "capture/encode/encode.hpp"
#include "capture/host/identity.hpp"
#include "capture/host/thread.hpp"
#include "capture/settings/control.hpp"
#include "capture/settings/filter.hpp"
#include "capture/settings/settings.hpp"
#include "tape/file.hpp"

namespace p11tape::capture {

/// This thread's state. Eight bytes of static thread storage: no allocation at a thread's first call, and no call to
/// find it.
extern __attribute__((tls_model("initial-exec"))) constinit thread_local thread_state* self;

extern constinit tape::file the_tape;
extern constinit encoding how;
extern constinit const settings* the_settings;
extern constinit const recorded_module* the_module;
extern constinit control_file the_control;
extern constinit call_filter the_filter;
extern constinit std::atomic<process_state*> process;  ///< nullptr: no call has come yet
extern constinit std::atomic<bool> recording;

/// What costs something only where a setting or the system asks for it: one load and one test in each call. Where there
/// is none of it, and a tape, plain_call.cpp has short ways.
enum extra_bits : u32 {
  extra_off = 1,
  extra_control = 2,
  extra_filter = 4,
  extra_log = 8,
  extra_no_tape = 16,
  extra_written = 32,  ///< the tape is written with system calls, not mapped
  extra_profile = 64,  ///< the profile is not the default one
};
extern constinit std::atomic<u32> extras;

/// Forgets what calls that were not recorded may have changed: operations and their mechanisms, values given out.
void forget_operations() noexcept;

/// The number of the recorder that works in this process; 0: none yet, as in a child of fork.
inline u64 current_epoch() noexcept {
  const process_state* p = process.load(std::memory_order_acquire);
  return p != nullptr ? p->epoch.load(std::memory_order_acquire) : 0;
}

/// The recorder of this process, made by whoever comes first. nullptr where this very thread is making it (a signal
/// handler has come in between), or where it takes too long. On the slow path only.
process_state* ready_process() noexcept;

}  // namespace p11tape::capture
