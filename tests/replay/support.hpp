// SPDX-License-Identifier: Apache-2.0
// Tapes for the tests of replays, and the mock that they are replayed on.
#pragma once

#include <catch2/catch.hpp>
#include <memory>

#include "mock/control.hpp"
#include "replay/runner.hpp"
#include "tape/tape_builder.hpp"

namespace p11tape::replay_tests {

using replay::outcome;
using replay::reason;
using test::tape_builder;

/// A tape in a folder of its own, with its plan.
class planned {
 public:
  explicit planned(const std::string& bytes, const replay::choice& how = {})
      : reader_(folder_.write(bytes)), plan(replay::make_plan(reader_, how)) {}
  explicit planned(const tape_builder& tape, const replay::choice& how = {}) : planned(tape.bytes(), how) {}

 private:
  test::temporary_folder folder_;
  tape::reader reader_;

 public:
  replay::plan plan;
};

inline replay::settings on_mock() {
  replay::settings s;
  s.module = P11TAPE_TEST_MOCK;
  s.has_user_pin = true;
  s.user_pin = "12345678";
  s.patience = std::chrono::seconds(20);
  return s;
}

/// The mock in this process, ready to be told what to do.
inline mock::control& mock_in_this_process(const char* options) {
  void* const handle = dlopen(P11TAPE_TEST_MOCK, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(handle != nullptr);
  auto* const control = static_cast<mock::control*>(dlsym(handle, mock::control_name));
  REQUIRE(control != nullptr);
  control->configure(options);
  return *control;
}

/// Replays in this process, where sanitizers and the mock's log can see it.
inline bool run_here(const planned& p, replay::results& out, const replay::settings& how = on_mock()) {
  replay::module m(how.module);
  REQUIRE(m.choose(p.plan.major, p.plan.minor).usable);
  return replay::runner(p.plan, how, m, out).run();
}

inline std::string difference(const replay::results& r, std::size_t i) {
  return std::string(r.text_of(r[i].text, r[i].size));
}

// Calls as a recorder would write them.
inline void initialize(test::chunk_builder& c, test::u32 call) {
  c.enter("C_Initialize", call).words({0});
  c.leave("C_Initialize", call, CKR_OK);
}
inline void finalize(test::chunk_builder& c, test::u32 call) {
  c.enter("C_Finalize", call).words({0});
  c.leave("C_Finalize", call, CKR_OK);
}
inline void open_session(test::chunk_builder& c, test::u32 call, test::u64 handle) {
  c.enter("C_OpenSession", call).words({1, CKF_SERIAL_SESSION, 0, 0, 1});
  c.leave("C_OpenSession", call, CKR_OK).number_item(4, handle);
}
inline void close_session(test::chunk_builder& c, test::u32 call, test::u64 handle, CK_RV rv = CKR_OK) {
  c.enter("C_CloseSession", call).words({handle});
  c.leave("C_CloseSession", call, rv);
}

}  // namespace p11tape::replay_tests
