// SPDX-License-Identifier: Apache-2.0
// Which calls are left out of the tape: by function, by result, by duration, or as one of many polls.
//
// Calls that change the state of the library are never left out; without them a tape could not say what its sessions
// and objects are. What is left out is counted in the tape's header.
#pragma once

#include <atomic>

#include "capture/settings/settings.hpp"
#include "cryptoki/tables.hpp"

namespace p11tape::capture {

/// True if the settings ask for any filter.
bool has_filters(const settings& s) noexcept;

class call_filter {
 public:
  void configure(const settings& s) noexcept;

  bool any() const noexcept { return any_; }

  /// True for a function of which not every call is recorded.
  bool may_drop(cryptoki::function f) const noexcept {
    const auto n = static_cast<unsigned>(f);
    return (candidates_[n / 64] >> n % 64 & 1) != 0;
  }

  /// Whether such a call is recorded, now that it has ended.
  bool keeps(cryptoki::function f, u64 duration, u64 return_value) noexcept;

 private:
  const settings* settings_ = nullptr;
  bool any_ = false;
  bool errors_only_ = false;
  u64 slower_than_ = 0;
  u64 one_in_ = 1;  // polls
  u64 candidates_[4] = {};
  std::atomic<u64> polls_[cryptoki::function_count] = {};
};

}  // namespace p11tape::capture
