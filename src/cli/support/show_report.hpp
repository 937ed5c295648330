// SPDX-License-Identifier: Apache-2.0
// What `show` says around the calls: which tapes these are, and what is missing.
#pragma once

#include <string>

#include "cli/support/tapes.hpp"

namespace p11tape::cli {

/// What was counted while the calls were shown.
struct call_counts {
  tape::u64 all = 0;
  tape::u64 shown = 0;
  tape::u64 failed = 0;  ///< returned something other than CKR_OK
  tape::u64 no_end = 0;  ///< never returned
};

void append_tape_text(const tape::reader& tape, std::size_t number, std::string& out);
void append_end_text(const open_tapes& tapes, const call_counts& counts, std::string& out);

/// The same as lines of JSON, kinds "tape" and "end" of JSON.md.
void append_tape_json(const tape::reader& tape, std::size_t number, std::string& out);
void append_end_json(const open_tapes& tapes, const call_counts& counts, std::string& out);

}  // namespace p11tape::cli
