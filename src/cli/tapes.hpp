// The tapes that a command line names, opened.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "p11tape/tape.hpp"

namespace p11tape::cli {

struct open_tapes {
  std::vector<std::unique_ptr<tape::reader>> tapes;
  std::vector<std::string> troubles;  ///< sentences about those that cannot be read

  /// For model::call_stream.
  std::vector<const tape::reader*> readers() const;
};

/// Opens files, and all *.p11tape of directories. A tape that is named twice is opened once.
open_tapes open(const std::vector<std::string>& paths);

/// Says on standard error what cannot be read.
void report(const open_tapes& tapes);

/// The file name of the recorded program, or "unknown program".
std::string program_of(const tape::reader& tape);

/// What the recorder left out, a sentence each; empty for a complete tape.
std::vector<std::string> losses_of(const tape::reader& tape);

/// What of the file could not be understood, a sentence each. To be asked when all of it has been read.
std::vector<std::string> damages_of(const tape::reader& tape);

/// Both, of all tapes, as lines behind a report: "# my.p11tape: ..."; a single tape is not named.
void append_losses(const open_tapes& all, std::string& out);

/// The calls that filters left out on purpose.
tape::u64 filtered_calls(const tape::reader& tape);

}  // namespace p11tape::cli
