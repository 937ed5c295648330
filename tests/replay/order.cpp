// SPDX-License-Identifier: Apache-2.0
// Threads: what came after the end of another call comes after it again, and what ran at the same time may do so again.
#include "support.hpp"

namespace p11tape::replay_tests {
namespace {

using cryptoki::function;

constexpr test::u64 microsecond = 1000;

void status(test::chunk_builder& c, const char* name, test::u32 call, test::u64 begin, test::u64 end) {
  c.at(begin);
  c.enter(name, call).words({7});
  c.at(end);
  c.leave(name, call, CKR_FUNCTION_NOT_PARALLEL);
}

}  // namespace

TEST_CASE("calls that ended before another began do so again") {
  constexpr int rounds = 40;
  tape_builder tape;
  auto& first = tape.chunk(test::kept);
  auto& a = tape.chunk(test::kept, tape.thread(2, 100));
  auto& b = tape.chunk(test::kept, tape.thread(3, 101));
  a.size = b.size = 16384;
  initialize(first, 1);
  open_session(first, 2, 7);
  auto at = tape.clock + microsecond;
  for (test::u32 i = 0; i < rounds; ++i, at += 10 * microsecond) {
    status(a, "C_GetFunctionStatus", i + 1, at, at + microsecond);
    status(b, "C_CancelFunction", i + 1, at + 5 * microsecond, at + 6 * microsecond);
  }
  first.at(at);
  close_session(first, 3, 7);
  finalize(first, 4);
  const planned p(tape);
  REQUIRE(p.plan.lanes == 3);

  // The slow one would be overtaken if it could.
  auto& mock = mock_in_this_process("sessions,C_GetFunctionStatus:delay=1");
  replay::results out(p.plan.steps.size());
  CHECK(run_here(p, out));
  std::vector<function> seen;
  for (std::size_t i = 0; i < mock.log_count; ++i) {
    const auto f = static_cast<function>(mock.log[i].load());
    if (f == function::C_GetFunctionStatus || f == function::C_CancelFunction) seen.push_back(f);
  }
  REQUIRE(seen.size() == 2 * rounds);
  for (std::size_t i = 0; i < seen.size(); ++i)
    CHECK(seen[i] == (i % 2 == 0 ? function::C_GetFunctionStatus : function::C_CancelFunction));
}

TEST_CASE("calls that ran at the same time may do so again") {
  tape_builder tape;
  auto& first = tape.chunk(test::kept);
  auto& a = tape.chunk(test::kept, tape.thread(2, 100));
  auto& b = tape.chunk(test::kept, tape.thread(3, 101));
  initialize(first, 1);
  open_session(first, 2, 7);
  const auto at = tape.clock + microsecond;
  status(a, "C_GetFunctionStatus", 1, at, at + 100 * microsecond);
  status(b, "C_CancelFunction", 1, at + microsecond, at + 99 * microsecond);
  const planned p(tape);
  mock_in_this_process("C_GetFunctionStatus:delay=300,C_CancelFunction:delay=300");
  replay::results out(p.plan.steps.size());
  CHECK(run_here(p, out));
  REQUIRE(p.plan.steps.size() == 4);
  CHECK(out[2].begin < out[3].end);
  CHECK(out[3].begin < out[2].end);

  auto one = on_mock();
  one.one_thread = true;
  replay::results alone(p.plan.steps.size());
  CHECK(run_here(p, alone, one));
  CHECK(alone[2].end <= alone[3].begin);
}

TEST_CASE("times that run backwards make nobody wait for ever") {
  tape_builder tape;
  auto& a = tape.chunk(test::kept);
  auto& b = tape.chunk(test::kept, tape.thread(2, 100));
  initialize(a, 1);
  open_session(a, 2, 7);
  const auto at = tape.clock + microsecond;
  status(a, "C_GetFunctionStatus", 3, at + 100, at - 10);
  status(a, "C_GetFunctionStatus", 4, at - 20, at + 400);
  status(b, "C_CancelFunction", 1, at + 10, at + 50);
  status(b, "C_CancelFunction", 2, at + 300, at + 2);
  const planned p(tape);
  mock_in_this_process("");
  replay::results out(p.plan.steps.size());
  CHECK(run_here(p, out));
}

}  // namespace p11tape::replay_tests
