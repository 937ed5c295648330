// SPDX-License-Identifier: Apache-2.0
// Time by thread, function and mechanism, calls inside calls under the outer one: what flame-graph tools read.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "profile/call_stats.hpp"

namespace p11tape::profile {

class stacks {
 public:
  void see(const call_context& now);

  /// Lines "program;thread;function;mechanism microseconds". Each has the time that was spent in the last frame itself;
  /// what took less than half a microsecond in all is left out.
  void append(std::string_view program, std::string& out) const;

 private:
  static constexpr std::size_t most = 65536;
  struct node {
    std::size_t parent = 0;  ///< 0: none
    u64 thread = 0;          ///< the kernel's id; of those without a parent
    cryptoki::function which = model::unknown_function;
    u64 mechanism = unknown;
    u64 time = 0, inside = 0;  ///< ns; inside: of these, in calls that were made in it
  };
  struct open_call {
    unsigned depth;
    std::size_t node;
  };
  using key = std::tuple<std::size_t, u64, cryptoki::function, u64>;

  std::vector<node> nodes_ = std::vector<node>(1);
  std::map<key, std::size_t> index_;
  std::unordered_map<model::thread_number, std::vector<open_call>> open_;  // the calls around the next one
};

}  // namespace p11tape::profile
