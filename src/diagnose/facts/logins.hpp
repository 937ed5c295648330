// SPDX-License-Identifier: Apache-2.0
// Logins and other uses of PINs, as they were tried.
#pragma once

#include <string>
#include <vector>

#include "model/state.hpp"

namespace p11tape::diagnose {

using model::call_context;
using model::call_number;
using model::none;
using model::u32;
using model::u64;
using model::unknown;

/// One call that took a PIN.
struct pin_use {
  cryptoki::function which = model::unknown_function;
  call_number call;
  model::thread_number thread;
  u64 wall = 0, duration = 0;
  model::slot_id slot;
  std::string slot_name;
  u64 user = unknown;  ///< CKU_*
  u64 value = 0;       ///< the return value
  bool ended = false;
  bool pin_given = false;  ///< false: NULL, for a PIN pad
  bool pin_known = false;  ///< the profile kept facts of it
  tape::pin_facts pin{};   ///< for C_SetPIN the old one
  tape::pin_facts new_pin{};
  bool new_pin_known = false;
  u64 token_flags = 0, min_pin = 0, max_pin = 0;  ///< before the call
  bool token_known = false;
  std::string card;  ///< what went wrong on the card inside the call, in a line; empty where nothing is known

  bool ok() const noexcept { return ended && value == 0; }
};

class logins {
 public:
  /// `card`: what went wrong on the card inside the call, in a line.
  void see(const call_context& now, const std::string& card) {
    if (now.role->pin >= 0) take(now, card);
  }

  /// The first and the last thousand: what lies between is counted only.
  const std::vector<pin_use>& all() const noexcept { return all_; }
  u64 tried() const noexcept { return tried_; }  ///< C_Login and C_LoginUser, without context-specific ones
  u64 succeeded() const noexcept { return succeeded_; }
  u64 context_specific() const noexcept { return context_specific_; }
  call_number first_success() const noexcept { return first_success_; }
  call_number last_success() const noexcept { return last_success_; }

 private:
  static constexpr std::size_t most = 2048;
  void take(const call_context& now, const std::string& card);

  std::vector<pin_use> all_;
  u64 tried_ = 0, succeeded_ = 0, context_specific_ = 0;
  call_number first_success_, last_success_;
};

}  // namespace p11tape::diagnose
