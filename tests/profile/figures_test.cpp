// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "profiled.hpp"

namespace p11tape::test {
namespace {

using cryptoki::function;

TEST_CASE("A quantile is at most 1/32 beside the truth") {
  model::histogram h;
  for (u64 i = 1; i <= 100000; ++i) h.add(i * 37);
  for (const auto q : {0.01, 0.5, 0.95, 0.99, 0.999}) CHECK(is_about(h.quantile(q), static_cast<u64>(q * 100000) * 37));
  CHECK(h.total() == 100000);
  CHECK(h.sum() == 37 * (u64{100000} * 100001 / 2));

  model::histogram far;
  for (const auto ns : {u64{0}, u64{15}, u64{16}, ~u64{0}}) far.add(ns);
  CHECK(far.quantile(0) == 0);
  CHECK(far.quantile(0.3) == 15);
  CHECK(far.quantile(0.6) == 16);
  CHECK(far.quantile(1) > u64{1} << 63);
  far.add(h);
  CHECK(far.total() == 100004);
  CHECK(is_about(far.quantile(0.5), 50000 * 37));
}

TEST_CASE("The time by function, mechanism, key, token, session and thread") {
  tape_story s;
  s.lasting(5 * ms).initialize().lasting(100 * us).slot_list({5}).token_info(5, {.label = "my token"});
  s.open(5, 1).open(5, 2).lasting(20 * ms).login(1);
  s.lasting(50 * us).find(1, CKO_PRIVATE_KEY, "signer", "\x01", {42}).find(1, CKO_PRIVATE_KEY, "other", "\x02", {43});
  for (int i = 0; i < 90; ++i) s.lasting(10 * us).sign_init(1, CKM_RSA_PKCS, 42).lasting(ms).sign(1);
  for (int i = 0; i < 10; ++i) s.lasting(10 * us).sign_init(2, CKM_ECDSA, 43).lasting(3 * ms).sign(2);
  s.thread(2).lasting(40 * ms).sign_init(2, CKM_ECDSA, 43, CKR_DEVICE_ERROR);
  const profiled p(s);
  const auto& b = p.one().breakdown;

  CHECK(b.of(function::C_Sign).calls == 100);
  CHECK(b.of(function::C_Sign).time == 120 * ms);
  CHECK(b.of(function::C_Sign).longest == 3 * ms);
  CHECK(is_about(b.of(function::C_Sign).durations.quantile(0.5), ms));
  CHECK(is_about(b.of(function::C_Sign).durations.quantile(0.95), 3 * ms));
  CHECK(b.of(function::C_SignInit).calls == 101);
  CHECK(b.of(function::C_SignInit).failed == 1);
  const u64 signing = 120 * ms + 100 * 10 * us + 40 * ms;
  CHECK(b.total().calls == 5 + 1 + 6 + 201);
  CHECK(b.total().time == 5 * ms + 4 * 100 * us + 20 * ms + 6 * 50 * us + signing);
  CHECK(b.functions().front().name == "C_Sign");

  const auto rsa = row_named(b.mechanisms().by_time(), "CKM_RSA_PKCS").f;
  const auto ecdsa = row_named(b.mechanisms().by_time(), "CKM_ECDSA").f;
  CHECK(rsa.calls == 180);
  CHECK(rsa.time == 90 * ms + 900 * us);
  CHECK(ecdsa.calls == 21);
  CHECK(ecdsa.failed == 1);
  CHECK(ecdsa.time == 30 * ms + 100 * us + 40 * ms);

  const auto signer = row_named(b.keys().by_time(), R"(private key "signer" id 01 on "my token")").f;
  CHECK(signer.calls == 180);
  CHECK(signer.time == rsa.time);
  CHECK(row_named(b.keys().by_time(), R"(private key "other" id 02 on "my token")").f.time == ecdsa.time);

  CHECK(row_named(b.sessions().by_time(), R"(session 1 on "my token")").f.calls == 1 + 6 + 180);
  CHECK(row_named(b.sessions().by_time(), R"(session 2 on "my token")").f.time == ecdsa.time);
  CHECK(row_named(b.slots().by_time(), R"("my token")").f.calls == 1 + 2 + 1 + 6 + 201);
  CHECK(row_named(b.threads().by_time(), "thread 2 (1002)").f.time == 40 * ms);

  REQUIRE(!b.slowest().empty());
  CHECK(b.slowest()[0].duration == 40 * ms);
  CHECK(b.slowest()[0].value == CKR_DEVICE_ERROR);
  CHECK(b.slowest()[0].on == R"(private key "other" id 02 on "my token")");
}

TEST_CASE("Many sessions and keys are summed up, and nothing is lost") {
  tape_story s;
  s.initialize().slot_list({5}).token_info(5, {});
  const u64 many = 3 * profile::table::most;
  s.lasting(10 * us);
  for (u64 i = 1; i <= many; ++i) s.open(5, i).call("C_GenerateRandom", {i, 1, 8}).close(i);
  s.open(5, many + 1).lasting(second).call("C_GenerateRandom", {many + 1, 1, 8});
  const profiled p(s);
  const auto& t = p.one().breakdown.sessions();
  const auto all = t.by_time();
  CHECK(all.size() <= profile::table::most);
  CHECK(all.front().f.time == second);
  CHECK(t.others_rows() + all.size() == many + 1);
  auto sum = t.others();
  for (const auto& r : all) sum.add(r.f);
  CHECK(sum.calls == 2 * many + 1);  // opening is before the session
  CHECK(sum.time == 2 * many * 10 * us + second);
}

TEST_CASE("Waiting for an event is no work, and the time between calls is the client's") {
  tape_story s;
  s.lasting(10 * ms).initialize().slot_list({5});
  s.lasting(30 * second).call("C_WaitForSlotEvent", {0, 1, 0});
  s.lasting(10 * ms).wait(2 * second).open(5, 1);
  const profiled p(s);
  const auto& m = p.one();
  CHECK(m.breakdown.total().time == 30 * ms);
  CHECK(m.breakdown.of(function::C_WaitForSlotEvent).time == 30 * second);
  REQUIRE(!m.between.widest().empty());
  CHECK(m.between.widest()[0].time == 2 * second + us);
  CHECK(m.between.widest()[0].before == model::call_number(4));
  CHECK(m.between.time_before(function::C_OpenSession) == 2 * second + us);
  CHECK(m.between.pauses().total() == 3);
}

}  // namespace
}  // namespace p11tape::test
