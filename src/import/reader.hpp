// SPDX-License-Identifier: Apache-2.0
// What a reader of a kind of log is: it takes lines and hands calls to a sink. One reader a file; readers.cpp lists
// them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "import/call.hpp"
#include "p11tape/layout.hpp"

namespace p11tape::import {

/// A line of a log, without its end and without what pasting has put around it (lines.hpp).
struct line {
  std::string_view text;
  u64 number = 0;
};

/// What became of a line.
enum class line_use : u8 {
  unknown,  ///< not understood. A cleaned log leaves it out: it may hold anything
  used,     ///< understood, and nothing in it needs to be kept from others
  masked,   ///< it shows something secret; reader::cleaned has the line without it
};

/// What readers tell of a log besides its calls.
struct log_facts {
  u64 word_size = 0;         ///< of CK_ULONG, where the log shows it
  bool times = false;        ///< calls have start times
  bool end_times = false;    ///< ... and end times
  bool threads = false;      ///< ... and threads
  bool processes = false;    ///< ... and processes
  bool gaps = false;         ///< pieces of the log are missing
  bool interleaved = false;  ///< calls of several threads, which the log does not tell apart
  std::string version;       ///< of the tool, where it can be told
};

class reader {
 public:
  explicit reader(call_sink& to) : to_(to) {}
  virtual ~reader() = default;
  reader(const reader&) = delete;
  reader& operator=(const reader&) = delete;

  virtual line_use take(const line& l) = 0;
  /// The log has ended: calls that have not returned are handed on.
  virtual void finish() = 0;

  /// After masked: the line without its secrets.
  const std::string& cleaned() const noexcept { return cleaned_; }
  const log_facts& facts() const noexcept { return facts_; }

 protected:
  call_sink& to_;
  std::string cleaned_;
  log_facts facts_;
};

/// A kind of log: how its lines are recognised, and who reads them.
struct log_kind {
  std::string_view name;   ///< for --kind and the tape
  std::string_view title;  ///< for people
  /// How sure a line makes it that this kind of log is read: 0 not at all, 3 unmistakable.
  int (*recognise)(std::string_view line);
  std::unique_ptr<reader> (*make)(call_sink& to);
  u64 lacking;  ///< what it never shows: tape::lacks_inputs and so on
};

std::span<const log_kind> log_kinds() noexcept;
const log_kind* find_log_kind(std::string_view name) noexcept;

}  // namespace p11tape::import
