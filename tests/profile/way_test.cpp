// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "profiled.hpp"

namespace p11tape::test {
namespace {

using model::call_number;

bool says(const std::vector<std::string>& verdict, const std::string& text) {
  for (const auto& s : verdict)
    if (s.find(text) != std::string::npos) return true;
  return false;
}

// Between two records of the builder lies one microsecond; what a call lasts is its own.
TEST_CASE("The way to the login and to the first signature, phase by phase") {
  tape_story s;
  s.lasting(100 * ms).initialize().lasting(10 * ms).slot_list({5}).token_info(5, {.label = "t"});
  s.wait(50 * ms).lasting(ms).open(5, 1).find(1, CKO_PRIVATE_KEY, "k", "\x01", {42});
  s.lasting(200 * ms).login(1, CKR_PIN_INCORRECT).login(1);
  s.lasting(5 * ms).read(1, 42, CKA_LABEL).read(1, 42, CKA_ID).wait(20 * ms);
  s.lasting(ms).sign_init(1, CKM_RSA_PKCS, 42);
  s.lasting(us).call("C_Sign", {1, 1, 20, 0, 1}).lasting(30 * ms).sign(1).sign_init(1, CKM_RSA_PKCS, 42).sign(1);
  s.finalize();
  const profiled p(s);
  const auto& ways = p.one().logins;
  REQUIRE(ways.all().size() == 1);
  const auto& a = ways.all()[0];
  CHECK(a.first_call == call_number(1));
  CHECK(a.login_call == call_number(9));
  CHECK(a.until_login == 100 * ms + 2 * 10 * ms + 50 * ms + 4 * ms + 2 * 200 * ms + 8 * us);
  CHECK(a.use_call == call_number(14));
  CHECK(a.until_use == a.until_login + 2 * 5 * ms + 20 * ms + ms + us + 30 * ms + 5 * us);

  REQUIRE(a.phases.size() == 6);
  CHECK(a.before_use == 4);
  CHECK(a.phases[0].elapsed == 100 * ms + us);
  CHECK(a.phases[1].elapsed == 2 * 10 * ms + 50 * ms + 2 * us);
  CHECK(a.phases[1].in_module == 2 * 10 * ms);
  CHECK(a.phases[1].calls == 2);
  CHECK(a.phases[2].elapsed == 4 * ms + 200 * ms + 5 * us);
  CHECK(a.phases[2].failed == 1);
  CHECK(a.phases[3].elapsed == 200 * ms);
  CHECK(a.phases[4].calls == 2);
  CHECK(a.phases[4].elapsed == 2 * 5 * ms + 20 * ms + 3 * us);
  CHECK(a.phases[5].elapsed == ms + us + 30 * ms + 2 * us);
  u64 sum = 0;
  for (const auto& phase : a.phases) sum += phase.elapsed;
  CHECK(sum == a.until_use);
}

TEST_CASE("The verdict names what the way to the login was spent with") {
  tape_story s;
  s.lasting(100 * ms).initialize().lasting(ms).slot_list({5}).token_info(5, {.label = "t"}).open(5, 1);
  s.find(1, unavailable, "", "", {42});
  s.lasting(4611 * us);
  for (int i = 0; i < 412; ++i) s.read(1, 42, CKA_LABEL);
  s.lasting(300 * ms).login(1).finalize();
  const profiled p(s);
  const auto verdict = p.verdict();
  INFO(p.text());
  // 1.9 s of 2.31 s.
  CHECK(verdict[0].find("1.90 s") != std::string::npos);
  CHECK(says(verdict, "Of 2.31 s until login, 1.90 s (82 %) were 412 C_GetAttributeValue calls."));
  CHECK(says(verdict, "(P47)"));
}

TEST_CASE("The verdict names the mechanism and the key, or the program itself") {
  tape_story s;
  s.initialize().slot_list({5}).token_info(5, {.label = "t"}).open(5, 1).login(1);
  s.find(1, CKO_PRIVATE_KEY, "k", "\x01", {42});
  for (int i = 0; i < 1000; ++i) s.lasting(10 * us).sign_init(1, CKM_RSA_PKCS, 42).lasting(10 * ms).sign(1);
  CHECK(
      profiled(s).verdict()[0] ==
      R"(Of 10.0 s in the module, 10.0 s (100 %) were 1000 C_Sign calls of 10.0 ms (median), CKM_RSA_PKCS, with the private key "k" id 01 on "t".)");

  tape_story idle;
  idle.lasting(ms).initialize().slot_list({5}).wait(10 * second).open(5, 1);
  const auto verdict = profiled(idle).verdict();
  CHECK(verdict[0] ==
        "Of 10.0 s from the first call to the last, the module worked 3.00 ms (<0.1 %); the program spent the rest. "
        "The longest gap, 10.0 s, ends with call 3 (C_OpenSession).");
}

TEST_CASE("A process that only looks has no way to a login; each C_Initialize has one of its own") {
  tape_story looks;
  looks.initialize().slot_list({5}).token_info(5, {}).finalize();
  CHECK(profiled(looks).one().logins.all().empty());

  tape_story s;
  for (int i = 0; i < 100; ++i)
    s.lasting(ms).initialize().slot_list({5}).open(5, 1).lasting(i == 70 ? second : ms).login(1).lasting(ms).finalize();
  const profiled p(s);
  const auto& ways = p.one().logins;
  CHECK(ways.count() == 100);
  CHECK(ways.all().size() <= 64);
  CHECK(ways.all().front().first_call == call_number(1));
  const auto is_slow = [](const profile::startup_phases& a) { return a.until_login >= second; };
  CHECK(std::count_if(ways.all().begin(), ways.all().end(), is_slow) == 1);
  CHECK(says(p.verdict(), "(P44)"));
}

}  // namespace
}  // namespace p11tape::test
