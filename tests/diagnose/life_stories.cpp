// SPDX-License-Identifier: Apache-2.0
// P30 to P42: processes, threads, sessions.
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "story.hpp"
#include "synthetic.hpp"

namespace p11tape::test {
namespace {

using contract::softhsm;

constexpr u64 second = 1000000000;

void begin(tape_story& s) { s.initialize().slot_list({5}).token_info(5, {}).open(5, 1).login(1); }

TEST_CASE("P30: a child of fork uses the module without initialising it") {
  const auto host = [](bool initialises) {
    return [initialises] {
      app a;
      a.begin();
      EXPECT_EQ(contract::in_fork([&] {
                  if (initialises) EXPECT_EQ(a.initialize(), CKR_OK);
                  const auto rv = a.look();
                  EXPECT(initialises ? rv == CKR_OK : rv == CKR_CRYPTOKI_NOT_INITIALIZED);
                }),
                0);
      a.end();
    };
  };
  const auto t = story(with_mock("forget_in_child"), host(false));
  INFO(t.text());
  CHECK(t.first() == "P30");
  CHECK(t.answer.found.front().consequences.size() + 1 >= 1);
  CHECK_FALSE(story(with_mock("forget_in_child"), host(true)).has("P30"));
  SECTION("a warning where the module lets it") {
    const auto lets = story(with_mock(), [] {
      app a;
      a.begin();
      EXPECT_EQ(contract::in_fork([&] { EXPECT_EQ(a.look(), CKR_OK); }), 0);
      a.end();
    });
    CHECK(lets.has("P30"));
    CHECK_FALSE(lets.has_errors());
  }
}

TEST_CASE("P31: the module does not notice the fork") {
  const auto t = story(with_mock(), [] {
    app a;
    a.begin();
    EXPECT_EQ(contract::in_fork([&] { EXPECT_EQ(a.initialize(), CKR_CRYPTOKI_ALREADY_INITIALIZED); }), 0);
    a.end();
  });
  INFO(t.text());
  CHECK(t.has("P31"));
  CHECK_FALSE(t.has("P32"));
}

TEST_CASE("P32, P34: two users of the module in one process") {
  const softhsm token;
  if (!token.ready()) SKIP("SoftHSM is not installed");
  const auto twice = story(token.surroundings(), [] {
    app a;
    a.begin();
    EXPECT_EQ(a.initialize(), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    a.find(CKO_CERTIFICATE);
    a.end();
  });
  CHECK(twice.has("P32"));
  CHECK_FALSE(twice.has_errors());
  const auto ended = story(token.surroundings(), [] {
    app a;
    a.begin();
    EXPECT_EQ(a.initialize(), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    EXPECT_EQ(a.finalize(), CKR_OK);
    EXPECT(a.p->C_FindObjectsInit(a.session, nullptr, 0) == CKR_CRYPTOKI_NOT_INITIALIZED);
  });
  INFO(ended.text());
  CHECK(ended.first() == "P34");
  SECTION("by another thread") {
    const auto other = story(token.surroundings(), [] {
      app a;
      a.begin();
      std::thread([&] { EXPECT_EQ(a.finalize(), CKR_OK); }).join();
      EXPECT(a.p->C_FindObjectsInit(a.session, nullptr, 0) == CKR_CRYPTOKI_NOT_INITIALIZED);
    });
    INFO(other.text());
    CHECK(other.first() == "P34");
  }
}

TEST_CASE("P33b, P33c: threads") {
  const auto host = [](bool locking, bool shared) {
    return [=] {
      app a;
      a.begin(locking);
      CK_SESSION_HANDLE second_session = 0;
      a.p->C_OpenSession(a.slot, CKF_SERIAL_SESSION, nullptr, nullptr, &second_session);
      const auto other = shared ? a.session : second_session;
      unsigned char some[8], more[8];
      std::thread t([&] { a.p->C_GenerateRandom(a.session, some, sizeof some); });
      usleep(50000);
      a.p->C_GenerateRandom(other, more, sizeof more);
      t.join();
      a.end();
    };
  };
  const auto unlocked = story(with_mock("C_GenerateRandom:delay=300"), host(false, false));
  INFO(unlocked.text());
  CHECK(unlocked.first() == "P33b");
  const auto shared = story(with_mock("C_GenerateRandom:delay=300"), host(true, true));
  INFO(shared.text());
  CHECK(shared.first() == "P33c");
  CHECK_FALSE(story(with_mock("C_GenerateRandom:delay=300"), host(true, false)).has_errors());
}

TEST_CASE("P35: before C_Initialize, and after C_Finalize") {
  const auto before = story(with_mock(), [] {
    app a;
    EXPECT_EQ(a.look(), CKR_CRYPTOKI_NOT_INITIALIZED);
  });
  CHECK(before.first() == "P35");
  const auto after = story(with_mock(), [] {
    app a;
    a.begin();
    a.end();
    EXPECT_EQ(a.look(), CKR_CRYPTOKI_NOT_INITIALIZED);
  });
  INFO(after.text());
  CHECK(after.first() == "P35");
  SECTION("silent about who only tidies up") {
    const auto tidy = story(with_mock(), [] {
      app a;
      a.begin();
      a.finalize();
      EXPECT_EQ(a.p->C_CloseSession(a.session), CKR_CRYPTOKI_NOT_INITIALIZED);
      EXPECT_EQ(a.finalize(), CKR_CRYPTOKI_NOT_INITIALIZED);
    });
    INFO(tidy.text());
    CHECK_FALSE(tidy.has_errors());
  }
}

TEST_CASE("P36: sessions pile up") {
  const auto host = [](bool closes) {
    return [closes] {
      app a;
      a.begin();
      for (int i = 0; i < 100; ++i) {
        a.open();
        if (closes) a.p->C_CloseSession(a.session);
      }
      a.finalize();
    };
  };
  CHECK(story(with_mock(), host(false)).has("P36"));
  CHECK_FALSE(story(with_mock(), host(true)).has("P36"));
  const auto none_left = story(with_mock("C_OpenSession=CKR_SESSION_COUNT"), [] {
    app a;
    a.initialize();
    a.look();
    EXPECT_EQ(a.open(), CKR_SESSION_COUNT);
    a.finalize();
  });
  CHECK(none_left.first() == "P36");
}

TEST_CASE("P37: sessions and logins that are gone") {
  const softhsm token;
  if (!token.ready()) SKIP("SoftHSM is not installed");
  const auto t = story(token.surroundings(), [] {
    app a;
    a.begin();
    a.p->C_CloseAllSessions(a.slot);
    EXPECT_EQ(a.login(), CKR_SESSION_HANDLE_INVALID);
    a.finalize();
  });
  INFO(t.text());
  CHECK(t.first() == "P37");
  CHECK(t.text().find("C_CloseAllSessions") != std::string::npos);
  const auto login = story(token.surroundings(), [] {
    app a;
    a.begin(true, true);
    EXPECT_EQ(a.login(), CKR_OK);
    a.p->C_CloseSession(a.session);
    a.open(true);
    CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
    CK_ULONG size = 16;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE some[] = {{CKA_VALUE_LEN, &size, sizeof size}, {CKA_PRIVATE, &yes, 1}};
    CK_OBJECT_HANDLE made = 0;
    EXPECT_EQ(a.p->C_GenerateKey(a.session, &mechanism, some, 2, &made), CKR_USER_NOT_LOGGED_IN);
    a.end();
  });
  INFO(login.text());
  CHECK(login.first() == "P37");
}

TEST_CASE("P38: a session that was idle too long") {
  const auto make = [](u64 idle) {
    tape_story s;
    begin(s);
    s.find(1, CKO_PRIVATE_KEY, "", "45", {7}).sign_init(1, CKM_RSA_PKCS, 7).sign(1).wait(idle);
    s.sign_init(1, CKM_RSA_PKCS, 7, CKR_DEVICE_ERROR).finalize();
    return s.diagnose();
  };
  const auto t = make(120 * second);
  INFO(t.text());
  CHECK(t.first() == "P38");
  const auto busy = make(second);
  CHECK(busy.first() == "P57");
  CHECK_FALSE(busy.has("P38"));
}

TEST_CASE("P39: one thread logs out while another is at work") {
  tape_story s;
  begin(s);
  s.thread(2).open(5, 2).find(2, CKO_PRIVATE_KEY, "", "45", {7});
  s.thread(1).call("C_Logout", {1});
  s.thread(2).sign_init(2, CKM_RSA_PKCS, 7, CKR_USER_NOT_LOGGED_IN);
  const auto t = s.diagnose();
  INFO(t.text());
  CHECK(t.first() == "P39");
  CHECK(t.has("P37"));  // as its consequence
  CHECK(t.text().find("Consequences  P37") != std::string::npos);
  tape_story same;
  begin(same);
  same.call("C_Logout", {1}).sign_init(1, CKM_RSA_PKCS, 7, CKR_USER_NOT_LOGGED_IN);
  CHECK_FALSE(same.diagnose().has("P39"));
}

TEST_CASE("P35: other codes for a module that was finalised") {
  tape_story s;
  begin(s);
  const auto t = s.finalize().call("C_GetSlotList", {1, 0, 1}, CKR_GENERAL_ERROR).diagnose();
  INFO(t.text());
  CHECK(t.first() == "P35");
  SECTION("a module that counts goes on working") {
    tape_story counts;
    begin(counts);
    counts.initialize(true, CKR_CRYPTOKI_ALREADY_INITIALIZED).finalize().slot_info(5, CKF_TOKEN_PRESENT);
    counts.call("C_GetSlotList", {1, 0, 1}, CKR_GENERAL_ERROR);
    CHECK_FALSE(counts.diagnose().has("P35"));
  }
}

TEST_CASE("P40: writing where nothing may be written") {
  const softhsm token;
  if (!token.ready()) SKIP("SoftHSM is not installed");
  const auto t = story(token.surroundings(), [] {
    app a;
    a.begin();
    EXPECT_EQ(a.login(), CKR_OK);
    EXPECT_EQ(a.make_certificate("x", "45"), CKR_SESSION_READ_ONLY);
    a.end();
  });
  INFO(t.text());
  CHECK(t.first() == "P40");
}

TEST_CASE("P41, P42: calls without an end") {
  const auto died = sad_story(with_mock("C_GenerateRandom:segv"), [] {
    app a;
    a.begin();
    unsigned char some[8];
    a.p->C_GenerateRandom(a.session, some, sizeof some);
  });
  INFO(died.text());
  CHECK(died.has("P41"));
  CHECK(died.text().find("C_GenerateRandom") != std::string::npos);
  CHECK_FALSE(died.has("P42"));

  tape_story s;
  begin(s);
  s.thread(2).begin("C_Sign", {1, 1, 20, 1, 1}).thread(1).wait(20 * second).sign_init(1, CKM_RSA_PKCS, 7);
  const auto hangs = s.diagnose();
  INFO(hangs.text());
  CHECK(hangs.has("P42"));
  SECTION("waiting for a card is no hanging") {
    tape_story waits;
    begin(waits);
    waits.thread(2).begin("C_WaitForSlotEvent", {0, 1, 0}).thread(1).wait(20 * second).sign_init(1, CKM_RSA_PKCS, 7);
    CHECK_FALSE(waits.diagnose().has("P42"));
  }
  SECTION("one that came back in the end") {
    tape_story slow;
    begin(slow);
    slow.thread(2).begin("C_Sign", {1, 1, 20, 1, 1}).thread(1).wait(20 * second).sign_init(1, CKM_RSA_PKCS, 7);
    slow.thread(2).end("C_Sign").thread(1).finalize();
    CHECK_FALSE(slow.diagnose().has("P42"));
  }
}

}  // namespace
}  // namespace p11tape::test
