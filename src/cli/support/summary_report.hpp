// SPDX-License-Identifier: Apache-2.0
// What `summary` says of one tape.
#pragma once

#include <map>
#include <string>

#include "model/tally.hpp"

namespace p11tape::cli {

struct tape_summary {
  const tape::reader* tape = nullptr;
  std::size_t number = 0;  ///< 1, 2 ... among several tapes; 0 for a single one
  model::tally tally;
  std::string manufacturer, library;  ///< of the module, by C_GetInfo
  tape::u64 opened = 0, most_open = 0, still_open = 0;
  tape::u64 logins = 0, failed_logins = 0;
  std::map<tape::u64, tape::u64> mechanisms;    ///< operations begun with each
  std::map<model::slot_id, model::slot> slots;  ///< as last seen
};

/// What of a summary a terminal has room for. Without one, everything is printed, a line each.
struct summary_room {
  std::size_t width = static_cast<std::size_t>(-1);
  std::size_t rows = 0;  ///< 0: all functions, mechanisms, tokens and errors
};

void append_text(const tape_summary& s, const summary_room& room, std::string& out);
void append_json(const tape_summary& s, std::string& out);

}  // namespace p11tape::cli
