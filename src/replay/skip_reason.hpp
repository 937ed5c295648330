// SPDX-License-Identifier: Apache-2.0
// Why a call of a tape is not made again.
#pragma once

#include <cstdint>
#include <string>

#include "model/numbers.hpp"

namespace p11tape::replay {

enum class reason : std::uint8_t {
  none,
  nested,           ///< the module, or a callback of the application, made it inside another call
  not_described,    ///< a function or an argument that this version does not know
  no_arguments,     ///< its beginning is not on the tape
  unreadable,       ///< it was given memory that could not be read
  withheld,         ///< it needs bytes that the tape does not have
  other_key,        ///< what it takes was made with a key that the replay generates anew
  waits,            ///< it waits for somebody to insert a token
  write,            ///< it changes a token
  failed_login,     ///< a PIN that was wrong: repeating it locks tokens
  unknown_session,  ///< opened before the tape begins
  unknown_object,   ///< nothing on the tape tells which object the handle meant
  no_operation,     ///< the operation began before the tape
  depends,          ///< on a call that is not made
  too_large,
  no_counterpart,  ///< the token has no object like the one that it used
  not_mapped,      ///< the module has no slot like the one that it used
  no_export,       ///< the module does not have this one of the functions that hand out function lists
  not_selected,    ///< --from
};

struct skip_reason {
  reason what = reason::none;
  model::call_number because;  ///< the call that it depends on
  std::string detail;          ///< the argument, the object ...

  explicit operator bool() const noexcept { return what != reason::none; }
};

/// "it changes the token; --allow-writes lets it", with the detail.
std::string sentence(const skip_reason& r);

/// A word for JSON: "write".
const char* word(reason r) noexcept;

}  // namespace p11tape::replay
