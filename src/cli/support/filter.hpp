// SPDX-License-Identifier: Apache-2.0
// Which calls `show` shows.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/call.hpp"

namespace p11tape::cli {

class call_filter {
 public:
  /// The options that every command with a filter has.
  void add_to(CLI::App& command);

  std::vector<std::string> functions;        ///< patterns with * and ?, whatever the case, "C_" may be left out
  std::vector<std::uint64_t> threads;        ///< the kernel's ids
  bool errors = false;                       ///< only calls that did not return CKR_OK
  std::optional<std::uint64_t> slower_than;  ///< ns
  std::optional<std::uint64_t> from, to;     ///< ns since 1970, of the beginning of the call

  bool empty() const noexcept;

  /// The first pattern that no function of any tape answers to, "" where there is none. To be called before lets().
  std::string prepare(const std::vector<const tape::reader*>& tapes);

  bool lets(const model::call& call) const;

 private:
  std::vector<std::vector<bool>> wanted_;  // by tape and function number
};

}  // namespace p11tape::cli
