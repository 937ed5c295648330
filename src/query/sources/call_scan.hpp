// SPDX-License-Identifier: Apache-2.0
// A walk over the calls of tapes, one tape after the other, that leaves out what nobody asked for.
//
// The calls of a tape come in the order in which they began, numbered from 1 on each tape. Of several tapes none is
// merged with another: who wants one order sorts by time.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/call_stream.hpp"
#include "query/sources/call_cells.hpp"

namespace p11tape::query {

/// What a scan may leave out. It may hand out more than that: callers test again.
struct scan_limits {
  u64 from = 0, to = ~u64{0};     ///< start of the call, ns since 1970
  u64 first = 0, last = ~u64{0};  ///< value of the number of the call
  std::optional<std::vector<std::string>> functions, return_values, tapes, hosts;
  std::optional<std::vector<u64>> ids;
  bool needs_model = true;
};

/// Somebody has asked for an end.
class interrupted : public std::runtime_error {
 public:
  interrupted() : std::runtime_error("interrupted") {}
};

using tape_list = std::span<const tape::reader* const>;

class call_scan {
 public:
  /// All must outlive the scan. `stop`: next() throws `interrupted` soon after it becomes true; may be nullptr.
  call_scan(tape_list tapes, symbols& pool, scan_limits limits, const std::atomic<bool>* stop = nullptr);

  /// Goes to the next call that the limits let through; false at the end.
  bool next();

  // Of the call that next() came to.
  const model::call& call() const noexcept { return *call_; }
  /// nullptr if the limits say that the model is not needed.
  const model::call_context* now() const noexcept { return state_ ? now_ : nullptr; }
  call_cells& cells() noexcept { return *cells_; }
  cell at(calls_column c) { return cells_->at(c, *call_, now()); }
  const tape::reader& tape() const noexcept { return *tapes_[tape_ - 1]; }
  std::size_t tape_index() const noexcept { return tape_ - 1; }

 private:
  bool open_next();
  bool lets(const model::call& c);

  tape_list tapes_;
  symbols* pool_;
  scan_limits limits_;
  const std::atomic<bool>* stop_;
  std::size_t tape_ = 0;  // the one after that being read
  std::unique_ptr<model::call_stream> stream_;
  std::unique_ptr<model::state> state_;
  std::unique_ptr<call_cells> cells_;
  std::vector<bool> functions_;  // by number on the tape: wanted
  const model::call* call_ = nullptr;
  const model::call_context* now_ = nullptr;
  u64 seen_ = 0;
};

}  // namespace p11tape::query
