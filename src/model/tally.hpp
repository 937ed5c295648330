// SPDX-License-Identifier: Apache-2.0
// What is counted of calls: how many of each function, how they ended, and how long they took.
#pragma once

#include <array>
#include <map>
#include <string_view>

#include "model/state.hpp"

namespace p11tape::model {

struct function_tally {
  u64 calls = 0;
  u64 failed = 0;   ///< returned something other than CKR_OK
  u64 no_end = 0;   ///< never returned, or its result is not on the tape
  u64 time = 0;     ///< ns in the module
  u64 longest = 0;  ///< ns
  call_number longest_in;
  call_number first_ok, last_ok;
  call_number last;
};

class tally {
 public:
  void see(const call_context& now) {
    const auto& c = *now.call;
    auto& f = functions_[static_cast<std::size_t>(now.which)];
    ++f.calls;
    f.last = c.number;
    f.time += now.duration;
    if (now.duration > f.longest) {
      f.longest = now.duration;
      f.longest_in = c.number;
    }
    if (now.ok) {
      f.last_ok = c.number;
      if (f.first_ok == none) f.first_ok = c.number;
    } else if (now.ended) {
      ++f.failed;
      if (values_.size() < most_values || values_.contains(now.value)) ++values_[now.value];
    } else {
      ++f.no_end;
    }
    if (first_ == 0) first_ = c.start_wall();
    const auto end = now.ended ? c.leave.wall : c.start_wall();
    if (end > last_) last_ = end;
  }

  /// `unknown_function` collects all functions that this program does not know.
  const function_tally& of(cryptoki::function f) const noexcept { return functions_[static_cast<std::size_t>(f)]; }
  std::span<const function_tally> all() const noexcept { return functions_; }
  function_tally total() const noexcept;

  /// How often each return value but CKR_OK came.
  const std::map<u64, u64>& values() const noexcept { return values_; }

  /// ns since 1970 of the first beginning and the last end; 0 where there is no call.
  u64 first_wall() const noexcept { return first_; }
  u64 last_wall() const noexcept { return last_; }

 private:
  static constexpr std::size_t most_values = 4096;
  std::array<function_tally, cryptoki::function_count + 1> functions_{};
  std::map<u64, u64> values_;
  u64 first_ = 0, last_ = 0;
};

}  // namespace p11tape::model
