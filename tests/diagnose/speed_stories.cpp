// SPDX-License-Identifier: Apache-2.0
// P44 to P49, P61 to P66: where the time goes. Times are made: a machine that is busy must not fail a test.
#include "story.hpp"
#include "synthetic.hpp"

namespace p11tape::test {
namespace {

constexpr u64 ms = 1000000, second = 1000 * ms;

void begin(tape_story& s) { s.initialize().slot_list({5}).token_info(5, {}).open(5, 1).login(1); }

TEST_CASE("P44: a login for each operation") {
  const auto make = [](int logins, int signatures) {
    tape_story s;
    s.initialize().slot_list({5}).token_info(5, {}).open(5, 1);
    for (int i = 0; i < logins; ++i) {
      s.login(1).find(1, CKO_PRIVATE_KEY, "", "45", {7});
      for (int j = 0; j < signatures; ++j) s.sign_init(1, CKM_RSA_PKCS, 7).sign(1);
      s.call("C_Logout", {1}).wait(second);
    }
    return s.diagnose();
  };
  CHECK(make(10, 1).has("P44"));
  CHECK_FALSE(make(1, 20).has("P44"));
}

TEST_CASE("P45, P49, P61: single calls that are slow") {
  const auto make = [](u64 initialize, u64 login, u64 search) {
    tape_story s;
    s.lasting(initialize).initialize().lasting(1000).slot_list({5}).token_info(5, {}).open(5, 1);
    s.lasting(login).login(1).lasting(search).find(1, CKO_PRIVATE_KEY, "", "45", {7}).lasting(1000).finalize();
    return s.diagnose();
  };
  const auto slow = make(3 * second, second, 2 * second);
  INFO(slow.text());
  for (const auto* id : {"P45", "P49", "P61"}) CHECK(slow.has(id));
  const auto quick = make(100 * ms, 100 * ms, ms);
  for (const auto* id : {"P45", "P49", "P61"}) CHECK_FALSE(quick.has(id));
}

TEST_CASE("P46, P47: everything is read, attribute by attribute") {
  const auto make = [](bool one_by_one, u64 objects) {
    tape_story s;
    begin(s);
    std::vector<u64> found;
    for (u64 i = 1; i <= objects; ++i) found.push_back(100 + i);
    s.find(1, unavailable, "", "", found);
    for (const auto o : found) {
      if (one_by_one)
        for (const auto type : {CKA_CLASS, CKA_LABEL, CKA_ID}) s.read(1, o, type);
      else
        s.describe(1, o, CKO_PRIVATE_KEY, "key " + std::to_string(o), std::to_string(o));
    }
    return s.diagnose();
  };
  const auto t = make(true, 80);
  INFO(t.text());
  CHECK(t.has("P46"));
  CHECK(t.has("P47"));
  CHECK_FALSE(make(false, 80).has("P47"));
  CHECK(make(false, 80).has("P46"));
  CHECK_FALSE(make(true, 5).has("P46"));
  SECTION("silent on a filtered tape") {
    tape_story s;
    s.filtered();
    begin(s);
    std::vector<u64> found(80, 7);
    s.find(1, unavailable, "", "", found);
    for (int i = 0; i < 300; ++i) s.read(1, 7, CKA_LABEL);
    const auto silent = s.diagnose();
    CHECK_FALSE(silent.has("P46"));
    CHECK_FALSE(silent.has("P47"));
  }
}

TEST_CASE("P48: slots are asked for again and again") {
  const auto make = [](int times, u64 each = 20000000) {
    tape_story s;
    s.initialize().lasting(each);
    for (int i = 0; i < times; ++i) s.slot_list({5});
    s.token_info(5, {}).open(5, 1).finalize();
    return s.diagnose();
  };
  CHECK(make(50).has("P48"));
  CHECK_FALSE(make(3).has("P48"));
  // Listing what there is asks each slot several times, which costs nothing.
  CHECK_FALSE(make(50, 2000).has("P48"));
}

TEST_CASE("P62: the module does one thing at a time") {
  const auto make = [](u64 crowded) {
    tape_story s;
    begin(s);
    for (u64 t = 1; t <= 8; ++t) s.thread(t).open(5, 10 + t);
    // Alone first, then eight at once.
    for (int i = 0; i < 30; ++i) s.thread(1).lasting(ms).call("C_Sign", {11, 1, 20, 1, 1});
    for (int i = 0; i < 20; ++i) {
      for (u64 t = 1; t <= 8; ++t) s.thread(t).begin("C_Sign", {10 + t, 1, 20, 1, 1});
      s.wait(crowded);
      for (u64 t = 1; t <= 8; ++t) s.thread(t).end("C_Sign");
    }
    return s.diagnose();
  };
  const auto t = make(8 * ms);
  INFO(t.text());
  CHECK(t.has("P62"));
  CHECK_FALSE(make(ms).has("P62"));
}

TEST_CASE("P63: the first signature is slow") {
  const auto make = [](u64 first) {
    tape_story s;
    begin(s);
    s.lasting(first).sign(1).lasting(ms);
    for (int i = 0; i < 10; ++i) s.sign(1);
    return s.diagnose();
  };
  CHECK(make(500 * ms).has("P63"));
  CHECK_FALSE(make(2 * ms).has("P63"));
}

TEST_CASE("P64: random numbers from the token") {
  const auto make = [](const char* function) {
    tape_story s;
    begin(s);
    for (int i = 0; i < 1200; ++i) s.call(function, {1, 1, 16});
    return s.diagnose();
  };
  CHECK(make("C_GenerateRandom").has("P64"));
  CHECK_FALSE(make("C_GetObjectSize").has("P64"));
}

TEST_CASE("P65: a session for each operation") {
  const auto make = [](bool each) {
    tape_story s;
    begin(s);
    s.find(1, CKO_PRIVATE_KEY, "", "45", {7});
    for (u64 i = 0; i < 60; ++i) {
      const u64 session = each ? 100 + i : 1;
      if (each) s.open(5, session);
      s.sign_init(session, CKM_RSA_PKCS, 7).sign(session);
      if (each) s.close(session);
    }
    return s.diagnose();
  };
  CHECK(make(true).has("P65"));
  CHECK_FALSE(make(false).has("P65"));
}

TEST_CASE("P66: the time is spent elsewhere") {
  const auto make = [](u64 pause) {
    tape_story s;
    begin(s);
    s.lasting(10 * ms);
    for (int i = 0; i < 20; ++i) s.sign_init(1, CKM_RSA_PKCS, 7).sign(1).wait(pause);
    return s.diagnose();
  };
  CHECK(make(second).has("P66"));
  CHECK_FALSE(make(ms).has("P66"));
}

}  // namespace
}  // namespace p11tape::test
