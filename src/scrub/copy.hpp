// SPDX-License-Identifier: Apache-2.0
// A tape written anew, with less in it.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "p11tape/tape.hpp"

namespace p11tape::scrub {

/// The redaction profiles by their names.
inline const std::map<std::string, std::size_t> profiles = {{"default", 0}, {"strict", 1}, {"payload", 2}};

struct copied {
  tape::u64 records = 0;
  tape::u64 dropped = 0;  ///< records that could not be understood and were left out
};

/// Writes what `from` holds to the file `to` (mode 0600, must not exist), as `profile` (one of `profiles`)
/// would have recorded it. Threads, order, times and counters stay. Throws tape::tape_error where the file cannot be
/// written; nothing is left behind then.
copied write_copy(const tape::reader& from, const std::string& to, std::size_t profile);

}  // namespace p11tape::scrub
