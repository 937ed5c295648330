// SPDX-License-Identifier: Apache-2.0
// Calls that failed, by function and return value: how often, and the first few with all that was known around them.
// Most rules about a single return value read nothing else.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "diagnose/facts/attribute_templates.hpp"
#include "model/state.hpp"

namespace p11tape::diagnose {

using model::call_context;
using model::call_number;
using model::none;
using model::object_handle;
using model::session_handle;
using model::slot_id;
using model::thread_number;
using model::u32;
using model::u64;
using model::unknown;

/// A call in short, as a neighbour of another.
struct brief_call {
  call_number call;
  u64 value = 0;
  cryptoki::function which = model::unknown_function;
  bool ended = false;
};

/// A call that failed, and its surroundings at that moment.
struct sample {
  u64 value = 0;  ///< the return value; CKR_OK for one that never returned
  call_number call;
  thread_number thread;
  u64 wall = 0;
  u64 idle = 0;  ///< ns since the library's last call had ended; 0 for its first
  model::session_handle session_handle;
  bool session_open = false;  ///< as far as the tape tells
  bool session_writes = false;
  u64 session_flags = unknown;             ///< as the session was opened with; `unknown` if that is not on the tape
  std::optional<model::past> session_end;  ///< why it is no longer valid
  slot_id slot;
  std::string slot_name;  ///< as people call it: the label in quotes, or the number
  bool slot_listed = false, login_required = false, logged_in = false;
  bool slots_asked = false;           ///< C_GetSlotList had returned a list
  std::vector<slot_id> listed_slots;  ///< as it last returned them
  bool login_known = false;           ///< the tape shows the process from its beginning: a login would be on it
  u64 user = unknown;                 ///< CKU_* who is logged in
  u64 user_asked = unknown;           ///< CKU_* of C_Login
  u64 sessions_on_slot = 0, sessions = 0, read_only_sessions = 0;  ///< open ones of the process
  u64 flags = unknown;                                             ///< of the call
  u64 slot_flags = 0, token_flags = 0;
  bool slot_known = false, token_known = false;
  model::object_handle object_handle;
  std::optional<model::past> object_end;
  std::optional<model::object> key;
  std::string key_name;
  model::object_handle second_handle;  ///< the key to be wrapped
  std::optional<model::object> second_key;
  std::string second_key_name;
  u64 mechanism = unknown;
  bool mechanisms_known = false, offered = false;
  std::vector<u64> mechanisms;  ///< what the token offers, where that is known
  std::optional<model::mechanism_limits> limits;
  u64 input_length = unknown;
  bool pointer_given = false;         ///< of the function's PIN, where it takes one
  model::active_operation operation;  ///< the session's, of the function's kind, when the call began
  bool parameter_known = false;       ///< what follows of the mechanism's parameter is true
  bool parameter_given = false;
  u64 parameter_length = 0;
  std::string parameter_struct;                               ///< its name in the schema; may be empty
  std::vector<std::pair<std::string, u64>> parameter_fields;  ///< its numbers
  std::string parameter;                                      ///< in words; may be empty
  given_template values, more_values;                         ///< the templates that were passed
  bool pin_known = false;
  u64 pin_length = 0, min_pin = 0, max_pin = 0;
  bool output_given = false;    ///< a buffer for the output was passed
  u64 output_room = unknown;    ///< its size
  u64 object_class = unknown;   ///< in that template
  bool session_object = false;  ///< ... says CKA_TOKEN false, or nothing of it
  bool initialized = false;     ///< as far as the tape tells
  call_number finalized_in;
  thread_number finalized_by;
  call_number logout_in;  ///< the last logout on the slot
  thread_number logout_by;
  std::string card;  ///< what went wrong on the card inside the call, in a line; empty where nothing is known
  std::vector<brief_call> before, after;  ///< neighbours on the same thread
  call_number recovered_in;               ///< a call of the same function and thread that succeeded soon after

  std::optional<u64> field(std::string_view name) const noexcept {
    for (const auto& [n, number] : parameter_fields)
      if (n == name) return number;
    return std::nullopt;
  }
};

struct failed_call {
  cryptoki::function which = model::unknown_function;
  u64 value = 0;
  u64 count = 0;
  call_number first, last;
  std::vector<sample> samples;
};

/// What happened to logins that failing calls of other threads may be a consequence of.
struct last_logout {
  call_number call;
  thread_number thread;
};

class failed_calls {
 public:
  /// To be shown every call; keeps those that failed. `card`: see sample::card.
  void see(const call_context& now, const std::string& card) {
    if (!watched_.empty()) note_neighbours(now);
    if (!now.ok)
      see_failure(now, card);
    else if (now.role->does == cryptoki::effect::logout)
      see_logout(now);
    if (recent_.size() >= most_threads) recent_.clear();
    recent_[now.call->thread.number].add(now);
    last_.add(now);
  }

  const std::vector<failed_call>& all() const noexcept { return all_; }
  /// Calls that never returned, with their surroundings; at most a few.
  const std::vector<failed_call>& unreturned() const noexcept { return unreturned_; }

  /// The calls of all threads before the first failure that looks like the module's own, newest last.
  const std::vector<brief_call>& before_module_failure() const noexcept { return before_module_failure_; }

  /// Slots that a parent had listed before it forked this process: known where this process listed none.
  void inherit_slots(const std::vector<slot_id>& listed);

  /// The incidents with one of these return values, in the order in which they first happened.
  std::vector<const failed_call*> with(std::initializer_list<u64> values) const;
  const failed_call* find(cryptoki::function f, u64 value) const noexcept;

 private:
  static constexpr std::size_t neighbours = 4;  // that are kept before and after
  template <std::size_t Most>
  struct last_calls {
    std::array<brief_call, Most> at{};
    u64 seen = 0;
    void add(const call_context& now) noexcept {
      auto& c = at[seen++ % Most];  // member by member: a copy at once would wait for members just stored
      c.call = now.call->number;
      c.value = now.value;
      c.which = now.which;
      c.ended = now.ended;
    }
    std::vector<brief_call> in_order() const {
      std::vector<brief_call> all;
      for (auto i = seen > Most ? seen - Most : 0; i < seen; ++i) all.push_back(at[i % Most]);
      return all;
    }
  };

  static constexpr std::size_t most = 4096;
  static constexpr std::size_t most_samples = 8;
  static constexpr std::size_t most_unreturned = 16;
  static constexpr unsigned soon = 16;  // calls of a thread within which it may find another way
  static constexpr std::size_t most_watched = 64;
  static constexpr std::size_t most_threads = 1024;

  void see_logout(const call_context& now) {
    if (now.slot != nullptr && logouts_.size() < most)
      logouts_[now.slot_id] = {now.call->number, now.call->thread.number};
  }
  void see_failure(const call_context& now, const std::string& card);
  void take_sample(const call_context& now, const std::string& card);
  void note_neighbours(const call_context& now);
  sample sample_of(const call_context& now) const;

  // A sample that still takes note of the calls after it: where it is, and how many are to come.
  struct watched {
    std::size_t at = 0, sample = 0;
    thread_number thread;
    unsigned left = 0;
  };

  std::vector<failed_call> all_;
  std::unordered_map<u64, std::size_t> index_;
  std::unordered_map<slot_id, last_logout> logouts_;
  std::vector<failed_call> unreturned_;
  std::vector<watched> watched_;
  model::recent_map<thread_number, last_calls<neighbours>> recent_;
  last_calls<20> last_;  // of all threads
  std::vector<brief_call> before_module_failure_;
};

}  // namespace p11tape::diagnose
