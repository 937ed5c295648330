// SPDX-License-Identifier: Apache-2.0
// The time in the module by function, mechanism, key, token, session and thread.
//
// A call that the module, or a callback, makes inside another one counts in its own rows and in those of the outer one;
// the total counts the outer one alone.
#pragma once

#include <array>
#include <map>
#include <span>

#include "p11tape/exchange.hpp"
#include "profile/call_stats.hpp"

namespace p11tape::profile {

/// A call worth showing on its own.
struct slow_call {
  call_number number;
  u64 start = 0, start_wall = 0, duration = 0;
  model::thread_number thread;
  cryptoki::function which = model::unknown_function;
  u64 value = 0;
  std::string on;  ///< the token, or the key, that it was about; may be empty
  u64 mechanism = unknown;
  u64 card_time = 0, exchanges = 0;
};

/// A kind of command to the card.
struct command_time {
  u64 times = 0, time = 0, longest = 0;
};

class breakdown {
 public:
  /// `exchanges`: those with a card in this very call.
  void see(const call_context& now, std::span<const tape::exchange_view> exchanges);
  void finish();
  void add(const breakdown& other);

  const call_stats& total() const noexcept { return total_; }
  const call_stats& of(cryptoki::function f) const noexcept { return functions_[static_cast<std::size_t>(f)]; }
  /// Functions that were called, the longest time first. The id is the function.
  std::vector<row> functions() const;
  const table& mechanisms() const noexcept { return mechanisms_; }
  /// Operations with keys; what only reads or changes objects is left out.
  const table& keys() const noexcept { return keys_; }
  const table& slots() const noexcept { return slots_; }
  const table& sessions() const noexcept { return sessions_; }
  const table& threads() const noexcept { return threads_; }
  /// The slowest first.
  const std::vector<slow_call>& slowest() const noexcept { return slowest_; }
  const std::map<std::string, command_time>& commands() const noexcept { return commands_; }

 private:
  static constexpr std::size_t most_slowest = 50, most_commands = 1024;
  row& row_of_key(const call_context& now);
  void see_card(const call_context& now, std::span<const tape::exchange_view> exchanges);
  void see_slow(const call_context& now, u64 card_time, u64 exchanges);

  call_stats total_;
  std::array<call_stats, cryptoki::function_count + 1> functions_;
  table mechanisms_, keys_, slots_, sessions_, threads_;
  std::vector<slow_call> slowest_;  // a heap until finish(): the quickest in front
  std::map<std::string, command_time> commands_;
};

}  // namespace p11tape::profile
