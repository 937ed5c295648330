// SPDX-License-Identifier: Apache-2.0
// The way from C_Initialize to the first successful login and to the first use of a private key, phase by phase.
//
//   C_Initialize | slots and tokens | sessions and objects | C_Login | finding the key | the first operation
//                ^ it returned      ^ C_OpenSession        ^ begins ^ ends             ^ C_SignInit ...    ^ C_Sign
//                returned
//
// Phases lie behind each other without gaps, so that their times add up; what a phase is called says what usually
// happens in it. A phase without calls is left out. Calls of all threads count in the phase in which they begin.
#pragma once

#include <array>
#include <vector>

#include "profile/call_stats.hpp"

namespace p11tape::profile {

struct phase_calls {
  cryptoki::function which = model::unknown_function;
  u64 calls = 0, failed = 0, time = 0;
};

struct phase {
  const char* name = "";
  u64 elapsed = 0;    ///< ns from its beginning to its end
  u64 in_module = 0;  ///< of these, with at least one call in flight; the rest is the client's own
  u64 calls = 0, failed = 0;
  std::vector<phase_calls> by_function;  ///< the longest time first
};

struct startup_phases {
  call_number first_call;  ///< C_Initialize
  u64 start = 0;           ///< CLOCK_MONOTONIC
  u64 until_login = 0;     ///< ns; 0: nobody logged in
  call_number login_call;
  u64 until_use = 0;           ///< ns; 0: no private key was used
  call_number use_call;        ///< that ended the first operation
  std::size_t before_use = 0;  ///< how many of the phases belong to the way to the login
  std::vector<phase> phases;

  u64 elapsed() const noexcept { return until_use != 0 ? until_use : until_login; }
};

class anatomist {
 public:
  void see(const call_context& now) {
    if (active_ || now.role->does == cryptoki::effect::initialize) take(now);
  }
  void finish() { conclude(); }

  /// In the order of time. Of many the slowest, and the first.
  const std::vector<startup_phases>& all() const noexcept { return all_; }
  u64 count() const noexcept { return count_; }
  /// ns until the login, and until the first use where there was no login, over all.
  u64 elapsed() const noexcept { return elapsed_; }

 private:
  enum stage : std::size_t { initialising, tokens, looking, logging_in, finding, using_key, stages };
  static constexpr std::size_t most = 64;

  struct open_phase {
    u64 begin = 0, in_module = 0;
    std::array<phase_calls, cryptoki::function_count + 1> by_function{};
  };
  void take(const call_context& now);
  void begin(const call_context& now);
  void count(const call_context& now);
  void enter(stage s, u64 at);
  void conclude();
  phase close(stage s, u64 end) const;

  bool active_ = false;
  stage stage_ = initialising;
  std::array<open_phase, stages> phases_{};
  std::array<bool, stages> entered_{};
  u64 busy_until_ = 0;
  startup_phases now_;
  std::vector<startup_phases> all_;
  u64 count_ = 0, elapsed_ = 0;
};

}  // namespace p11tape::profile
