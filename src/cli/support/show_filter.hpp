// SPDX-License-Identifier: Apache-2.0
// Which calls `show` shows: its options, made one condition. Every option narrows the choice.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/support/call_condition.hpp"
#include "cli/support/filter.hpp"
#include "cli/support/selection.hpp"

namespace p11tape::cli {

class show_filter {
 public:
  void add_to(CLI::App& command);

  /// Turns the words of the command line into conditions. Returns "", or what is wrong with them. `since`: ns since
  /// 1970.
  std::string prepare(const std::vector<const tape::reader*>& tapes, tape::u64 since);

  /// Whether matches() must be given the state of the model at the call.
  bool needs_context() const noexcept { return about_.any() || condition_.needs_context(); }
  bool matches(const model::call& call, const model::call_context* now) const;

 private:
  std::string understand_times(const std::vector<const tape::reader*>& tapes, tape::u64 since);
  std::string understand_calls(std::size_t tapes);

  std::vector<std::string> expressions_, tokens_, mechanisms_, codes_, call_names_;
  std::string slower_than_, from_, to_;
  selection about_;
  call_filter plain_;
  call_condition condition_;
  std::vector<std::pair<std::size_t, model::call_number>> calls_;  // with the index of the tape
};

}  // namespace p11tape::cli
