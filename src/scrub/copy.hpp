// SPDX-License-Identifier: Apache-2.0
// A tape written anew, with less in it.
#pragma once

#include <cstddef>
#include <string>

#include "p11tape/tape.hpp"

namespace p11tape::scrub {

struct copied {
  tape::u64 records = 0;
  tape::u64 dropped = 0;  ///< records that could not be understood and were left out
};

/// Writes what `from` holds to the file `to` (mode 0600, must not exist), as `profile` (0 default, 1 strict, 2 payload)
/// would have recorded it. Threads, order, times and counters stay. Throws tape::tape_error where the file cannot be
/// written; nothing is left behind then.
copied write_copy(const tape::reader& from, const std::string& to, std::size_t profile);

}  // namespace p11tape::scrub
