// SPDX-License-Identifier: Apache-2.0
// The recorder: what the exported functions call before and after the module.
//
// enter() and leave() hold no lock, and leave nothing behind on the stack that would have to be destroyed: a thread
// that is cancelled inside the module, or an exception that passes through, unwinds over them freely. The thread's own
// state heals at its next call.
//
// There is one recorder a process. A child of fork notices that it is one by a page that reads zero there
// (MADV_WIPEONFORK), forgets what it inherited, and makes a tape of its own at its first call.
#pragma once

#include "capture/encode/encode.hpp"
#include "capture/host/identity.hpp"
#include "capture/settings/settings.hpp"
#include "cryptoki/tables.hpp"

namespace p11tape::capture {

/// What enter() leaves for leave(): plain memory on the stack of the exported function.
struct frame {
  u64 epoch;
  u32 call;
  u8 depth;
  bool recorded;
  bool kept;     ///< room for its end is in the kept chunk
  bool pending;  ///< a filter may leave the call out
  bool plain;    ///< it began the short way, and may end so
  capacities caps;
};

/// Tells the recorder who it records, once, before the first call. Both must live for ever.
void introduce(const settings& s, const recorded_module& m) noexcept;

/// Records that a call begins. `words` has one word an argument and must live until leave(). False: this call is the
/// same one again, for too many times inside itself, and must not be forwarded (a module that leads back to this shim).
bool enter(frame& f, cryptoki::function function, const u64* words) noexcept;

/// Records what came of it. Keeps errno.
void leave(frame& f, cryptoki::function function, const u64* words, u64 rv) noexcept;

/// The same two for one function: the short way, where nothing is out of the ordinary and the function is a frequent one.
template <cryptoki::function F>
bool enter_one(frame& f, const u64* words) noexcept;
template <cryptoki::function F>
void leave_one(frame& f, const u64* words, u64 rv) noexcept;

/// Makes the tape now, although no call can be recorded: the module could not be loaded.
void make_tape() noexcept;

}  // namespace p11tape::capture
