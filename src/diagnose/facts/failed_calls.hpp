// SPDX-License-Identifier: Apache-2.0
// Calls that failed, by function and return value: how often, and the first few with all that was known around them.
// Most rules about a single return value read nothing else.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/state.hpp"

namespace p11tape::diagnose {

using model::call_context;
using model::u32;
using model::u64;
using model::unknown;

/// A call that failed, and its surroundings at that moment.
struct sample {
  u64 call = 0, wall = 0, thread = 0;  ///< thread: number
  u64 idle = 0;                        ///< ns since the library's last call had ended; 0 for its first
  u64 session_handle = unknown;
  bool session_open = false;  ///< as far as the tape tells
  bool session_writes = false;
  std::optional<model::past> session_end;  ///< why it is no longer valid
  u64 slot = unknown;
  std::string slot_name;  ///< as people call it: the label in quotes, or the number
  bool slot_listed = false, login_required = false, logged_in = false;
  u64 slot_flags = 0, token_flags = 0;
  bool slot_known = false, token_known = false;
  u64 object_handle = unknown;
  std::optional<model::past> object_end;
  std::optional<model::object> key;
  std::string key_name;
  u64 mechanism = unknown;
  bool mechanisms_known = false, offered = false;
  std::vector<u64> mechanisms;  ///< what the token offers, where that is known
  std::optional<model::mechanism_limits> limits;
  u64 input_length = unknown;
  bool pointer_given = false;         ///< of the function's PIN, where it takes one
  model::active_operation operation;  ///< the session's, of the function's kind, when the call began
  std::string parameter;              ///< of the mechanism, in words; may be empty
  std::vector<u64> attributes;        ///< types in the template that was passed
  u64 object_class = unknown;         ///< in that template
  bool session_object = false;        ///< ... says CKA_TOKEN false, or nothing of it
  bool initialized = false;           ///< as far as the tape tells
  u64 finalized_in = 0, finalized_by = 0;
  u64 logout_in = 0, logout_by = 0;  ///< the last logout on the slot: call, and number of the thread
  std::string card;  ///< what went wrong on the card inside the call, in a line; empty where nothing is known
};

struct failed_call {
  cryptoki::function which = model::unknown_function;
  u64 value = 0;
  u64 count = 0;
  u64 first = 0, last = 0;  ///< numbers of calls
  std::vector<sample> samples;
};

/// What happened to logins that failing calls of other threads may be a consequence of.
struct last_logout {
  u64 call = 0, thread = 0;
};

class failed_calls {
 public:
  /// To be shown every call; keeps those that failed. `card`: see sample::card.
  void see(const call_context& now, const std::string& card) {
    if (now.ok) return see_success(now);
    if (now.ended) see_failure(now, card);
  }

  const std::vector<failed_call>& all() const noexcept { return all_; }

  /// The incidents with one of these return values, in the order in which they first happened.
  std::vector<const failed_call*> with(std::initializer_list<u64> values) const;
  const failed_call* find(cryptoki::function f, u64 value) const noexcept;

 private:
  static constexpr std::size_t most = 4096;
  static constexpr std::size_t most_samples = 8;

  void see_success(const call_context& now) {
    if (now.role->does == cryptoki::effect::logout && now.slot != nullptr && logouts_.size() < most)
      logouts_[now.slot_id] = {now.call->number, now.call->thread.number};
  }
  void see_failure(const call_context& now, const std::string& card);
  sample sample_of(const call_context& now) const;

  std::vector<failed_call> all_;
  std::unordered_map<u64, std::size_t> index_;
  std::unordered_map<u64, last_logout> logouts_;  // by slot
};

}  // namespace p11tape::diagnose
