// SPDX-License-Identifier: Apache-2.0
// The edge of the player: one in a process, made at the first call, and never destroyed.
#pragma once

#include "player/player.hpp"

namespace p11tape::player {

/// Throws where there is no memory for it.
player& the_player();

/// The answer to a call. No exception leaves it, and no cancellation of the thread takes effect in it.
CK_RV play(cryptoki::function f, const u64* words) noexcept;

/// Runs what may throw; then the answer is CKR_HOST_MEMORY or CKR_GENERAL_ERROR.
template <class Work>
CK_RV guarded(Work work) noexcept {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return CKR_HOST_MEMORY;
  } catch (...) {
    return CKR_GENERAL_ERROR;
  }
}

}  // namespace p11tape::player
