// SPDX-License-Identifier: Apache-2.0
// From dossiers to an answer: runs the rules, puts consequences under their causes, and what explains most first.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "diagnose/facts/mq_error_log.hpp"
#include "diagnose/rules/rules.hpp"

namespace p11tape::diagnose {

/// Rules that a tape does not have enough for.
struct unchecked {
  need lacking = nothing;
  bool filtered = false;  ///< a recording filter left it out; else the log of an imported tape does not show it
  std::vector<const rule*> rules;
};

struct diagnosis {
  std::vector<finding> found;                       ///< in the order in which they are to be read
  std::vector<unchecked> silent;                    ///< what was not checked, and why
  std::size_t errors = 0, warnings = 0, infos = 0;  ///< consequences not counted
};

/// "recording filters left out calls", "the log does not show how long calls took"
std::string reason(const unchecked& u);

diagnosis examine(std::span<const process_facts> all, const configured& set);

/// The same for people, and as one JSON object (JSON.md). `log`: messages of an MQ error log, none where there is no
/// log.
struct report_context {
  std::span<const process_facts> all;
  const configured& set;
  std::span<const amq_message> log;
  bool colour = false;
  bool verbose = false;     ///< what all clients report, and not only those on the tape
  bool brief = false;       ///< in the text: only what fits a small terminal: two lines of evidence, the fix, a command
  std::size_t width = 116;  ///< columns of the text
  /// In JSON: what is missing from each tape, in sentences. Empty if nobody has asked.
  std::span<const std::vector<std::string>> missing = {};
};
void append_text(const diagnosis& d, const report_context& around, std::string& out);
void append_json(const diagnosis& d, const report_context& around, std::string& out);

/// What clients say of a finding: the rows that are worth showing for the programs at hand, the best first.
std::vector<const word_row*> reports(const finding& f, const report_context& around);

}  // namespace p11tape::diagnose
