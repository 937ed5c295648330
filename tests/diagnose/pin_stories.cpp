// SPDX-License-Identifier: Apache-2.0
// P12 to P20c: PINs and logins.
#include "story.hpp"
#include "synthetic.hpp"

namespace p11tape::test {
namespace {

using contract::softhsm;

constexpr u64 good = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED;

// A token is looked at, a session opened.
void begin(tape_story& s, fake_token token = {}) {
  s.initialize().slot_list({5}).token_info(5, std::move(token)).open(5, 1);
}

told login_story(u64 rv, fake_pin pin = {}, fake_token token = {}, diagnose::configured set = {}) {
  tape_story s;
  begin(s, std::move(token));
  s.login(1, rv, pin).finalize();
  return s.diagnose(std::move(set));
}

TEST_CASE("P12: a wrong PIN, of a real token") {
  const softhsm token;
  if (!token.ready()) SKIP("SoftHSM is not installed");
  const auto t = story(token.surroundings(), [] {
    app a;
    a.begin();
    EXPECT_EQ(a.login("87654321"), CKR_PIN_INCORRECT);
    a.end();
  });
  INFO(t.text());
  CHECK(t.first() == "P12");
  CHECK(t.text(true).find("AMQ9671E") != std::string::npos);
  CHECK(t.text().find("8 bytes long") != std::string::npos);
  SECTION("a warning where the right one came later, silent where it came at once") {
    const auto later = story(token.surroundings(), [] {
      app a;
      a.begin();
      EXPECT_EQ(a.login("87654321"), CKR_PIN_INCORRECT);
      EXPECT_EQ(a.login(), CKR_OK);
      a.end();
    });
    CHECK(later.has("P12"));
    CHECK_FALSE(later.has_errors());
    const auto right = story(token.surroundings(), [] {
      app a;
      a.begin();
      EXPECT_EQ(a.login(), CKR_OK);
      a.end();
    });
    CHECK_FALSE(right.has("P12"));
  }
}

TEST_CASE("P12: what stands around the PIN") {
  struct {
    u64 length;
    u32 anomalies;
    const char* says;
  } const rows[] = {{9, tape::pin_blank_at_end, "space"},
                    {9, tape::pin_line_break, "newline"},
                    {10, tape::pin_quote, "quote"},
                    {0, 0, "empty"},
                    {40, tape::pin_protected, "MQS_SSLCRYP_KEYFILE"},
                    {8, tape::pin_non_ascii, "ASCII"}};
  for (const auto& r : rows) {
    const auto t = login_story(CKR_PIN_INCORRECT, {r.length, r.anomalies, 1}, {.min_pin = 0});
    INFO(t.text());
    CHECK(t.first() == "P12");
    CHECK(t.text().find(r.says) != std::string::npos);
  }
  SECTION("against the length of the configured one") {
    const auto set = sslcryp("GSK_PKCS11=/usr/lib/p.so;token;12345678;SYMMETRIC_CIPHER_ON;");
    const std::pair<u64, const char*> lengths[] = {
        {8, "same length"}, {9, "one byte shorter"}, {10, "two bytes shorter"}, {5, "truncated"}};
    for (const auto& [length, says] : lengths) {
      const auto t = login_story(CKR_PIN_INCORRECT, {length, 0, 1}, {}, set);
      INFO(t.text());
      CHECK(t.text().find(says) != std::string::npos);
      CHECK(t.text().find("12345678") == std::string::npos);
    }
  }
}

TEST_CASE("P13: the same wrong PIN again") {
  tape_story s;
  begin(s);
  s.login(1, CKR_PIN_INCORRECT).login(1, CKR_PIN_INCORRECT).finalize();
  const auto t = s.diagnose();
  INFO(t.text());
  CHECK(t.has_error("P13"));
  CHECK(t.has("P12"));
  SECTION("silent where it was another one each time") {
    tape_story other;
    begin(other);
    other.login(1, CKR_PIN_INCORRECT, {8, 0, 1}).login(1, CKR_PIN_INCORRECT, {8, 0, 2}).finalize();
    CHECK_FALSE(other.diagnose().has("P13"));
  }
  SECTION("one PIN for several tokens") {
    tape_story both;
    both.initialize()
        .slot_list({5, 6})
        .token_info(5, {.label = "one"})
        .token_info(6, {.label = "two"})
        .open(5, 1)
        .open(6, 2);
    both.login(1, CKR_PIN_INCORRECT).login(2, CKR_PIN_INCORRECT);
    CHECK(both.diagnose().has("P13"));
  }
}

TEST_CASE("P14, P15: locked, and one try before") {
  CHECK(story(with_mock("C_Login=CKR_PIN_LOCKED"), [] {
          app a;
          a.begin();
          EXPECT_EQ(a.login(), CKR_PIN_LOCKED);
          a.end();
        }).first() == "P14");
  tape_story flag;
  flag.initialize().slot_list({5}).token_info(5, {.flags = good | CKF_USER_PIN_LOCKED}).open(5, 1).finalize();
  CHECK(flag.diagnose().first() == "P14");

  tape_story last;
  last.initialize().slot_list({5}).token_info(5, {.flags = good | CKF_USER_PIN_FINAL_TRY}).open(5, 1).finalize();
  const auto t = last.diagnose();
  CHECK(t.has("P15"));
  CHECK_FALSE(t.has_errors());
  CHECK_FALSE(login_story(CKR_OK).has("P15"));
  CHECK_FALSE(login_story(CKR_OK).has("P14"));

  SECTION("the locking explains the wrong PINs before it no more than they do it") {
    tape_story s;
    begin(s);
    s.login(1, CKR_PIN_INCORRECT).login(1, CKR_PIN_INCORRECT).login(1, CKR_PIN_LOCKED);
    const auto all = s.diagnose();
    CHECK(all.has_error("P14"));
    CHECK(all.has_error("P13"));
  }
}

TEST_CASE("P16: the PIN's length") {
  CHECK(login_story(CKR_PIN_LEN_RANGE, {3, 0, 1}).first() == "P16");
  CHECK(login_story(CKR_PIN_INCORRECT, {3, 0, 1}).first() == "P16");
  CHECK_FALSE(login_story(CKR_OK, {3, 0, 1}).has("P16"));
  const softhsm token;
  if (!token.ready()) SKIP("SoftHSM is not installed");
  const auto t = story(token.surroundings(), [] {
    app a;
    a.begin(true, true);
    EXPECT_EQ(a.login("12345678", CKU_SO), CKR_OK);
    CK_UTF8CHAR short_pin[] = {'1', '2'};
    EXPECT(a.p->C_InitPIN(a.session, short_pin, 2) != CKR_OK);
    a.end();
  });
  INFO(t.text());
  CHECK(t.first() == "P16");
}

TEST_CASE("P17, P18: expired, and not set") {
  CHECK(login_story(CKR_PIN_EXPIRED).first() == "P17");
  CHECK(login_story(CKR_OK, {}, {.flags = good | CKF_USER_PIN_TO_BE_CHANGED}).has("P17"));
  CHECK_FALSE(login_story(CKR_OK).has("P17"));
  CHECK(login_story(CKR_USER_PIN_NOT_INITIALIZED, {}, {.flags = CKF_TOKEN_INITIALIZED}).first() == "P18");
  CHECK_FALSE(login_story(CKR_OK).has("P18"));
}

TEST_CASE("P19: logged in already") {
  const softhsm token;
  if (!token.ready()) SKIP("SoftHSM is not installed");
  const auto goes_on = story(token.surroundings(), [] {
    app a;
    a.begin();
    EXPECT_EQ(a.login(), CKR_OK);
    EXPECT_EQ(a.login(), CKR_USER_ALREADY_LOGGED_IN);
    a.find(CKO_DATA);
    a.end();
  });
  INFO(goes_on.text());
  CHECK(goes_on.has("P19"));
  CHECK(goes_on.answer.warnings == 0);
  CHECK_FALSE(goes_on.has_errors());
  const auto gives_up = story(token.surroundings(), [] {
    app a;
    a.begin();
    EXPECT_EQ(a.login(), CKR_OK);
    EXPECT_EQ(a.login(), CKR_USER_ALREADY_LOGGED_IN);
    a.end();
  });
  CHECK(gives_up.answer.warnings == 1);
}

TEST_CASE("P20: another user") {
  const softhsm token;
  if (!token.ready()) SKIP("SoftHSM is not installed");
  const auto t = story(token.surroundings(), [] {
    app a;
    a.begin(true, true);
    EXPECT_EQ(a.login("12345678", CKU_SO), CKR_OK);
    EXPECT_EQ(a.login("12345678", CKU_USER), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    a.end();
  });
  INFO(t.text());
  CHECK(t.first() == "P20");
  const auto read_only = story(token.surroundings(), [] {
    app a;
    a.begin();
    EXPECT_EQ(a.login("12345678", CKU_SO), CKR_SESSION_READ_ONLY_EXISTS);
    a.end();
  });
  CHECK(read_only.first() == "P20");
}

TEST_CASE("P20b: no PIN, and no pad") {
  const softhsm token;
  if (!token.ready()) SKIP("SoftHSM is not installed");
  const auto t = story(token.surroundings(), [] {
    app a;
    a.begin();
    EXPECT(a.p->C_Login(a.session, CKU_USER, nullptr, 0) != CKR_OK);
    a.end();
  });
  INFO(t.text());
  CHECK(t.has("P20b"));
  CHECK_FALSE(t.has("P12"));
}

TEST_CASE("P20c: a login for each operation") {
  tape_story s;
  begin(s);
  s.login(1).find(1, CKO_PRIVATE_KEY, "", "45", {7});
  body asked, answered;
  asked.attribute(CKA_ALWAYS_AUTHENTICATE, 1, 0, "");
  answered.attribute(CKA_ALWAYS_AUTHENTICATE, 1, 2, body().put(u64{1}).str());
  s.call("C_GetAttributeValue", body().words({1, 7, 1, 1}).template_item(2, asked), CKR_OK,
         body().template_item(2, answered));
  s.sign_init(1, CKM_RSA_PKCS, 7).sign(1, CKR_USER_NOT_LOGGED_IN).finalize();
  const auto t = s.diagnose();
  INFO(t.text());
  CHECK(t.has("P20c"));
  SECTION("silent where it is done") {
    tape_story right;
    begin(right);
    right.login(1).find(1, CKO_PRIVATE_KEY, "", "45", {7}).sign_init(1, CKM_RSA_PKCS, 7);
    right.login(1, CKR_OK, {}, CKU_CONTEXT_SPECIFIC).sign(1).finalize();
    CHECK_FALSE(right.diagnose().has("P20c"));
  }
  const auto start = [](tape_story& story) -> tape_story& {
    begin(story);
    return story.login(1).find(1, CKO_PRIVATE_KEY, "", "45", {7}).sign_init(1, CKM_RSA_PKCS, 7);
  };
  const auto contains = [](const told& one, std::string_view text) {
    const auto* f = one.find("P20c");
    return f != nullptr && f->say.find(text) != std::string::npos;
  };
  SECTION("the key's attribute is not on the tape") {
    tape_story alone;
    const auto likely = start(alone).sign(1, CKR_USER_NOT_LOGGED_IN).finalize().diagnose();
    CHECK(contains(likely, "needs another login, although the user is logged in"));
  }
  SECTION("it was made, and lost") {
    tape_story lost;
    const auto late = start(lost)
                          .login(1, CKR_OK, {}, CKU_CONTEXT_SPECIFIC)
                          .read(1, 7, CKA_ID)
                          .sign(1, CKR_USER_NOT_LOGGED_IN)
                          .finalize()
                          .diagnose();
    INFO(late.text());
    CHECK(contains(late, "was lost before C_Sign"));
    CHECK(late.find("P20c")->fault == diagnose::fault::undecidable);
    CHECK(late.text(true).find("C_GetAttributeValue was called in between") != std::string::npos);
  }
  SECTION("it was made, and failed") {
    tape_story failed;
    const auto no = start(failed)
                        .login(1, CKR_DEVICE_ERROR, {}, CKU_CONTEXT_SPECIFIC)
                        .sign(1, CKR_USER_NOT_LOGGED_IN)
                        .finalize()
                        .diagnose();
    INFO(no.text());
    CHECK(contains(no, "The login for the operation failed"));
    CHECK(no.find("P20c")->fault == diagnose::fault::undecidable);
  }
  SECTION("the login ended before") {
    tape_story ended;
    begin(ended);
    ended.login(1).call("C_Logout", {1}).sign_init(1, CKM_RSA_PKCS, 7, CKR_USER_NOT_LOGGED_IN).finalize();
    CHECK_FALSE(ended.diagnose().has("P20c"));
  }
}

TEST_CASE("P20: the security officer is logged in where the user is needed") {
  tape_story s;
  begin(s);
  const auto t = s.login(1, CKR_OK, {}, CKU_SO)
                     .call("C_GenerateKeyPair", {1, 1, 1, 0, 1, 0, 1, 1}, CKR_USER_NOT_LOGGED_IN)
                     .finalize()
                     .diagnose();
  INFO(t.text());
  CHECK(t.first() == "P20");
  CHECK_FALSE(t.has("P20c"));
  tape_story user;
  begin(user);
  user.login(1).call("C_Logout", {1}).sign_init(1, CKM_RSA_PKCS, 7, CKR_USER_NOT_LOGGED_IN).finalize();
  CHECK_FALSE(user.diagnose().has("P20"));
}

}  // namespace
}  // namespace p11tape::test
