// SPDX-License-Identifier: Apache-2.0
// The tapes that a command line names, opened.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "p11tape/tape.hpp"
#include "view/completeness.hpp"

namespace p11tape::cli {

struct open_tapes {
  std::vector<std::unique_ptr<tape::reader>> tapes;
  std::vector<std::string> troubles;  ///< sentences about those that cannot be read

  /// For model::call_stream.
  std::vector<const tape::reader*> readers() const;

  /// What is missing from each tape, in sentences. To be asked when all of them have been read.
  std::vector<std::vector<std::string>> missing() const;
};

/// Opens files, and all *.p11tape of directories. A tape that is named twice is opened once.
open_tapes open(const std::vector<std::string>& paths);

/// Says on standard error what cannot be read.
void report(const open_tapes& tapes);

/// Says on standard error what of them is damaged: a result holds what could be read.
void report_damages(const open_tapes& tapes);

using view::damages_of;
using view::filtered_calls;
using view::losses_of;
using view::program_of;

/// Whether every call is on the tapes, or what is missing: a line each, with "# " in front. To be asked when all of them
/// have been read.
void append_completeness(const open_tapes& all, std::string& out);

}  // namespace p11tape::cli
