// SPDX-License-Identifier: Apache-2.0
// From a recorded LEAVE to the caller's memory: the recorder's encoder, the other way round.
#pragma once

#include <functional>

#include "player/recording.hpp"

namespace p11tape::player {

struct written {
  CK_RV value = CKR_OK;   ///< CKR_BUFFER_TOO_SMALL, CKR_ARGUMENTS_BAD where the caller's buffers do not do
  bool complete = false;  ///< the outputs themselves were written, not only their lengths
  bool made_up = false;   ///< some of them are not on the tape: bytes that mean nothing stand for them
};

/// The handle that the client knows an object of the tape by.
using handle_of = std::function<model::object_handle(model::object_number)>;

/// Writes what `from` answered to where the live call's arguments point. `forget`: its bytes belong to other input, and
/// others are made up in their place. Pointers are used as a module uses them: those that are NULL are left alone.
///
/// The tape is not trusted: how much is written is bounded by what the live call says of its own memory. `live` is that
/// call encoded, which tells what the structs of its mechanism parameters are.
written write_outputs(const recorded_call& from, const u64* words, const tape::fields_view& live, bool forget,
                      const handle_of& handles);

/// Bytes that mean nothing, the same for the same seed.
void make_up(tape::u8* to, u64 size, u64 seed);

}  // namespace p11tape::player
