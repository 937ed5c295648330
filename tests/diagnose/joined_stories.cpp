// SPDX-License-Identifier: Apache-2.0
// Evidence joined: over processes, over a fork, over threads, over time. Each with the nearest healthy story.
#include <catch2/catch.hpp>

#include "diagnose/story.hpp"
#include "diagnose/synthetic.hpp"

namespace p11tape::test {
namespace {

constexpr u64 second = 1000000000;

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

void begin(tape_story& s) { s.initialize().slot_list({5}).token_info(5, {}).open(5, 1); }

TEST_CASE("the same finding in several processes is one") {
  std::list<tape_story> stories;
  std::vector<std::string> tapes;
  const auto add = [&](const char* program, u64 rv, u64 length, u64 later) {
    auto& s = stories.emplace_back();
    s.program(program).wait(later);
    begin(s);
    s.login(1, rv, {length, 0, 1}).finalize();
    tapes.push_back(s.write());
  };
  add("amqsputc", CKR_PIN_INCORRECT, 9, second);
  add("amqsputc", CKR_PIN_INCORRECT, 9, 30 * second);
  add("amqsgetc", CKR_PIN_INCORRECT, 9, 240 * second);
  add("healthy", CKR_OK, 8, 250 * second);
  const told t(tapes);
  INFO(t.text());
  CHECK(t.answer.errors == 1);
  CHECK(t.first() == "P12");
  const auto& f = *t.find("P12");
  CHECK(f.also_in == std::vector<std::size_t>{1, 2});
  CHECK(f.say.starts_with("3 processes sent a wrong PIN of 9 bytes within "));
  CHECK(has(t.text(), "3 processes of amqsputc and amqsgetc show the same within"));

  SECTION("another length is not said to be the same") {
    add("amqsputc", CKR_PIN_INCORRECT, 8, 300 * second);
    const told other(tapes);
    CHECK(other.answer.errors == 1);
    CHECK_FALSE(has(other.find("P12")->say, "9 bytes"));
  }
  SECTION("another finding stays another") {
    add("amqsputc", CKR_PIN_LOCKED, 9, 300 * second);
    const told other(tapes);
    CHECK(other.answer.errors == 2);
    CHECK(other.has("P14"));
    CHECK(other.find("P14")->also_in.empty());
  }
  SECTION("one process is said to be nothing else") {
    const told alone({tapes[0], tapes[3]});
    CHECK(alone.find("P12")->also_in.empty());
    CHECK_FALSE(has(alone.text(), "processes"));
  }
}

TEST_CASE("what the parent knew of slots is known in the child") {
  for (const bool listed : {false, true}) {
    const auto t = story(with_mock("forget_in_child,C_OpenSession=CKR_SLOT_ID_INVALID"), [&] {
      app a;
      EXPECT_EQ(a.initialize(), CKR_OK);
      if (listed) EXPECT_EQ(a.look(), CKR_OK);
      EXPECT_EQ(contract::in_fork([&] {
                  EXPECT_EQ(a.initialize(), CKR_OK);
                  CK_SESSION_HANDLE session = 0;
                  EXPECT_EQ(a.p->C_OpenSession(4711, CKF_SERIAL_SESSION, nullptr, nullptr, &session),
                            CKR_SLOT_ID_INVALID);
                }),
                0);
      a.finalize();
    });
    INFO(t.text());
    const auto* f = t.find("P5");
    REQUIRE(f != nullptr);
    CHECK(has(f->say, "before C_GetSlotList was called") == !listed);
  }
}

TEST_CASE("P86: threads that take turns in one session") {
  const auto make = [](u64 session_of_other, u64 rv) {
    tape_story s;
    begin(s);
    s.open(5, 2).login(1);
    s.thread(1).sign_init(1, CKM_RSA_PKCS, 7);
    s.thread(2).sign_init(session_of_other, CKM_RSA_PKCS, 7, rv);
    s.thread(1).sign(1);
    return s.thread(1).finalize().diagnose();
  };
  const auto active = make(1, CKR_OPERATION_ACTIVE);
  INFO(active.text());
  CHECK(active.first() == "P86");
  CHECK(has(active.find("P86")->say, "thread 1 had an active operation"));
  CHECK_FALSE(make(2, CKR_OK).has("P86"));

  tape_story ended;
  begin(ended);
  ended.login(1).thread(1).sign_init(1, CKM_RSA_PKCS, 7);
  ended.thread(2).sign(1);
  const auto t = ended.thread(1).sign(1, CKR_OPERATION_NOT_INITIALIZED).finalize().diagnose();
  INFO(t.text());
  CHECK(t.first() == "P86");
  CHECK(has(t.find("P86")->say, "thread 2 had ended its operation"));

  // A pool that hands a session from thread to thread, one at a time, is healthy.
  tape_story pool;
  begin(pool);
  pool.login(1);
  for (u64 n = 1; n <= 3; ++n) pool.thread(n).sign_init(1, CKM_RSA_PKCS, 7).sign(1);
  CHECK_FALSE(pool.thread(1).finalize().diagnose().has("P86"));
  // One thread alone that forgets the beginning is another finding.
  tape_story alone;
  begin(alone);
  const auto forgot = alone.login(1).sign(1, CKR_OPERATION_NOT_INITIALIZED).finalize().diagnose();
  CHECK_FALSE(forgot.has("P86"));
  CHECK(forgot.has("P43b"));
}

TEST_CASE("P38: lost after idle, also without an open session") {
  const auto make = [](u64 pause, u64 rv) {
    tape_story t;
    begin(t);
    t.login(1).close(1).wait(pause).call("C_OpenSession", {5, CKF_SERIAL_SESSION, 0, 0, 1}, rv);
    return t.finalize().diagnose();
  };
  const auto t = make(300 * second, CKR_DEVICE_ERROR);
  INFO(t.text());
  CHECK(t.first() == "P38");
  CHECK(has(t.find("P38")->say, "The connection to the device was lost"));
  CHECK_FALSE(make(second, CKR_DEVICE_ERROR).has("P38"));
  CHECK_FALSE(make(300 * second, CKR_SLOT_ID_INVALID).has("P38"));
}

TEST_CASE("P35: the module lost its state, though nobody finalised it") {
  const auto make = [](bool finalizes) {
    tape_story s;
    begin(s);
    s.login(1);
    if (finalizes) s.finalize();
    return s.sign_init(1, CKM_RSA_PKCS, 7, CKR_CRYPTOKI_NOT_INITIALIZED).diagnose();
  };
  const auto lost = make(false);
  INFO(lost.text());
  REQUIRE(lost.has("P35"));
  CHECK(has(lost.find("P35")->say, "The module lost its state"));
  CHECK(lost.find("P35")->fault == diagnose::fault::module);
  const auto finalised = make(true);
  REQUIRE(finalised.has("P35"));
  CHECK(has(finalised.find("P35")->say, "was called after C_Finalize"));
}

}  // namespace
}  // namespace p11tape::test
