// SPDX-License-Identifier: Apache-2.0
// From what a tape has of a call back to arguments in memory: the reverse of capture's encoder, by the same rows.
//
// Every pointer is rebuilt: NULL where it was NULL, a buffer of the recorded capacity where the call writes, structs,
// templates and mechanisms with all that hangs on them. Handles are translated by whoever asks. What the tape does not
// have is a PIN, which is given; payload to sign, digest or encrypt, which is made up at the recorded length; or a
// reason not to make the call.
#pragma once

#include <array>
#include <string_view>

#include "cryptoki/tables.hpp"
#include "p11tape/record.hpp"
#include "p11tape/schema.hpp"
#include "replay/arena.hpp"
#include "replay/skip_reason.hpp"

namespace p11tape::replay {

inline constexpr std::size_t most_arguments = 16;

/// Who knows what a recorded handle is now.
class translator {
 public:
  /// `meaning` of the rows: "session", "object" or "slot".
  virtual tape::u64 translate(std::string_view meaning, tape::u64 recorded) = 0;

 protected:
  ~translator() = default;
};

struct argument_list {
  std::array<tape::u64, most_arguments> words{};
  bool synthesised = false;      ///< payload was made up
  bool token_object = false;     ///< a template asks for an object that stays on the token
  bool dropped_pointer = false;  ///< a pReserved was given, whose meaning only the client and the module know
};

/// Builds the arguments. `pin` is used for every PIN; with `pin` empty a PIN of its recorded length is made up, which
/// is wrong.
skip_reason build_arguments(const tape::schema& rows, const tape::fields_view& recorded, std::string_view pin,
                            translator& handles, arena& memory, argument_list& out);

}  // namespace p11tape::replay
