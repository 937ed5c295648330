// SPDX-License-Identifier: Apache-2.0
// The calls of a log as tapes, one for each process: the only place that knows how a tape is written.
//
// Times: a tape's monotonic clock and its wall clock are both the clock of the log. A time that the log does not give
// is the latest that is known, so that the order of the log remains, and is marked as not known.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "import/encode.hpp"
#include "import/reader.hpp"
#include "tape/offline_writer.hpp"

namespace p11tape::import {

/// What is known of a log before it is read.
struct log_source {
  std::string directory;  ///< where tapes go
  std::string stem;       ///< first part of their names
  std::string file;       ///< name of the log, for people
  const log_kind* kind = nullptr;
  u64 word_size = 8;
};

class tapes final : public call_sink {
 public:
  explicit tapes(log_source from);
  ~tapes() override;

  void begin_process(const process_start& p) override;
  void add(call& c) override;

  /// All is read: completes the tapes. `facts` are the reader's.
  void finish(const log_facts& facts);

  const std::vector<std::string>& paths() const noexcept { return paths_; }
  u64 calls() const noexcept { return calls_; }
  u64 left_out() const noexcept { return left_out_; }

 private:
  struct process;
  process& of(const call& c);
  process& open(const process_start& p);
  void close_oldest();
  void complete(process& p);

  log_source from_;
  process_start next_;
  bool pending_ = false;  // next_ has no tape yet
  std::vector<std::unique_ptr<process>> open_;
  process* current_ = nullptr;
  std::vector<std::string> paths_;
  u64 calls_ = 0, left_out_ = 0, opened_ = 0, clock_ = 0;
  log_facts facts_;
};

}  // namespace p11tape::import
