// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "profiled.hpp"

namespace p11tape::test {
namespace {

// Signatures of 1 ms, alone and then of four threads at the same time. One at a time: each of a crowd waits until those
// before it are done.
void sign(tape_story& s, bool one_at_a_time) {
  s.initialize().slot_list({5}).token_info(5, {}).open(5, 1).login(1);
  for (int i = 0; i < 50; ++i) s.lasting(ms).sign(1);
  for (int round = 0; round < 50; ++round) {
    for (u64 t = 1; t <= 4; ++t) s.thread(t).begin("C_Sign", {1, 1, 20, 1, 1});
    for (u64 t = 1; t <= 4; ++t) s.thread(t).wait(t == 1 || one_at_a_time ? ms - us : 0).end("C_Sign");
  }
}

TEST_CASE("A module that does one call at a time is told from one that works in parallel") {
  tape_story slow;
  sign(slow, true);
  const profiled p(slow);
  const auto& c = p.one().concurrency;
  CHECK(c.most_in_flight() == 4);
  CHECK(c.overlapping() == 150);
  const auto found = c.findings();
  REQUIRE(found.size() == 1);
  CHECK(found[0].which == cryptoki::function::C_Sign);
  CHECK(found[0].one_at_a_time());
  CHECK(is_about(found[0].alone, ms));
  // The second waits 1 ms, the third 2, the fourth 3; the records between them take a few microseconds.
  CHECK(found[0].waited > 50 * 6 * ms * 9 / 10);
  CHECK(found[0].waited < 50 * 6 * ms * 11 / 10);
  CHECK(p.text().find("Calls wait for each other inside the module: C_Sign") != std::string::npos);

  tape_story quick;
  sign(quick, false);
  const profiled q(quick);
  REQUIRE(q.one().concurrency.findings().size() == 1);
  CHECK(q.one().concurrency.findings()[0].in_parallel());
  CHECK(q.text().find("The module works in parallel") != std::string::npos);
}

TEST_CASE("The time line stays small, and long calls stay visible") {
  tape_story s;
  s.initialize();
  for (int i = 0; i < 30000; ++i)
    s.lasting(2 * us).wait(10 * us).call("C_GenerateRandom", {1, 1, 8}, i == 777 ? CKR_DEVICE_ERROR : CKR_OK);
  s.lasting(second).call("C_GenerateRandom", {1, 1, 8});
  const profiled p(s, {true, false, nullptr});
  REQUIRE(p.one().timeline);
  const auto& all = p.one().timeline->threads().at(model::thread_number(1));
  CHECK(all.size() <= profile::timeline::most_stretches);
  CHECK(all.size() > profile::timeline::most_stretches / 8);
  u64 calls = 0, failed = 0;
  for (const auto& st : all) {
    calls += st.calls;
    failed += st.failed;
  }
  CHECK(calls == 30002);
  CHECK(failed == 1);
  CHECK(all.back().longest == second);
}

}  // namespace
}  // namespace p11tape::test
