// SPDX-License-Identifier: Apache-2.0
// What the player has to tell people: on stderr, and at the end of the file that P11TAPE_PLAY_LOG names.
//
// Every line begins with "p11tape-player: ", so that it can be told from the client's own output.
#pragma once

#include <string>

namespace p11tape::player {

/// Says it, once in a process for each `about`, which is the text itself where it is empty. Thread-safe; nothing of it
/// can fail the caller. stdout is never written to.
void say(const std::string& text, const std::string& about = {}) noexcept;

}  // namespace p11tape::player
