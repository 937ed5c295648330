// SPDX-License-Identifier: Apache-2.0
// The directory that tapes are to be written to. The recorder cannot ask anybody: a directory that the client's user cannot
// write to means no tapes, so swap makes it for that user, or refuses.
#pragma once

#include <string>

#include "clients/swap/directory.hpp"
#include "clients/swap/swap.hpp"
#include "clients/swap/undo.hpp"

namespace p11tape::clients {

/// Why the client's user could not write tapes there; empty where it could, or where swap can make the directory.
std::string tape_directory_conflict(const swap_request& request);

/// Makes the directory if it is not there: mode 0700, of the client's user. Throws file_error.
void make_tape_directory(const swap_request& request, swap_result& result, undo_list& undo, const before_step& step);

}  // namespace p11tape::clients
