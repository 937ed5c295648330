// SPDX-License-Identifier: Apache-2.0
// P1, P5, P6, P8 to P11: modules, slots, tokens and their labels.
#include "diagnose/gskit.hpp"
#include "story.hpp"
#include "synthetic.hpp"

namespace p11tape::test {
namespace {

using contract::softhsm;

constexpr const char* configured = "GSK_PKCS11=/usr/lib/p.so;UserPIN (mytoken);12345678;SYMMETRIC_CIPHER_ON;";

std::function<void()> gskit_host(std::string label, std::string pin, std::string certificate = {}) {
  return [=] {
    contract::shim shim;
    gskit(shim.list()).run({label, pin, certificate});
  };
}

// A token of that label in slot 5, looked at and not used.
told looked_at(std::string label, diagnose::configured set = {}) {
  tape_story s;
  s.initialize().slot_list({5}).token_info(5, {.label = std::move(label)}).finalize();
  return s.diagnose(std::move(set));
}

diagnose::configured with_label(std::string label) { return diagnose::configured_label(std::move(label)); }

TEST_CASE("P9g: the story of the blog: the words of the label stand in another order") {
  const softhsm token("mytoken (UserPIN)");
  if (!token.ready()) SKIP("SoftHSM is not installed");
  const auto t = story(token.surroundings(), gskit_host("UserPIN (mytoken)", "12345678"), sslcryp(configured));
  INFO(t.text());
  REQUIRE(t.first() == "P9g");
  CHECK(t.has_error("P9g"));
  const auto lines = t.lines();
  const auto head = lines.at(0) + "\n" + lines.at(1) + "\n" + lines.at(2) + "\n" + lines.at(3) + "\n" + lines.at(4);
  CHECK(head.find("not found because of its label") != std::string::npos);
  CHECK(head.find("AMQ9669E") != std::string::npos);
  CHECK(head.find("\"UserPIN (mytoken)\"") != std::string::npos);
  CHECK(head.find("\"mytoken (UserPIN)\"") != std::string::npos);
  CHECK(head.find("configure exactly: mytoken (UserPIN)") != std::string::npos);
  CHECK(head.find("GSK_PKCS11=/usr/lib/p.so;mytoken (UserPIN);<password>;SYMMETRIC_CIPHER_ON;") != std::string::npos);
  CHECK(t.text().find("12345678") == std::string::npos);
}

TEST_CASE("P9: silent where the label is right") {
  const softhsm token("UserPIN (mytoken)");
  if (!token.ready()) SKIP("SoftHSM is not installed");
  const auto t = story(token.surroundings(), gskit_host("UserPIN (mytoken)", "12345678"), sslcryp(configured));
  INFO(t.text());
  CHECK_FALSE(t.has_errors());
  CHECK_FALSE(t.text().starts_with("ERROR"));
  CHECK_FALSE(t.has("P9"));
}

TEST_CASE("P9: label and PIN, which runmqakm reports alike, are told apart") {
  const softhsm token("mytoken (UserPIN)");
  if (!token.ready()) SKIP("SoftHSM is not installed");
  const auto label = story(token.surroundings(), gskit_host("UserPIN (mytoken)", "12345678"));
  INFO(label.text());
  CHECK(label.first() == "P9");
  CHECK_FALSE(label.has("P12"));
  const auto pin = story(token.surroundings(), gskit_host("mytoken (UserPIN)", "87654321"));
  INFO(pin.text());
  CHECK(pin.first() == "P12");
  CHECK(pin.has_error("P12"));
  CHECK_FALSE(pin.has("P9"));
  const auto certificate = story(token.surroundings(), gskit_host("mytoken (UserPIN)", "12345678", "no such"));
  INFO(certificate.text());
  CHECK(certificate.first() == "P21");
}

TEST_CASE("P9: its twelve sub-classes") {
  struct {
    const char *id, *configured, *shown;
  } const pairs[] = {
      {"P9a", "MyToken", "mytoken"},
      {"P9b", "my token ", "my token"},
      {"P9c", "\"my token\"", "my token"},
      {"P9d", "a label that is much too long for a token", "a label that is much too long fo"},
      {"P9e", "0123456789abcdef", "my token"},
      {"P9g", "UserPIN (mytoken)", "mytoken (UserPIN)"},
      {"P9h", "User PIN (myCard)", "User PIN (myCard"},
      {"P9i", "card: one", "card. one"},
      {"P9j", "mytoken", "mytoken (UserPIN)"},
      {"P9k", "Schl\xC3\xBCssel", "Schl\xFCssel"},
  };
  for (const auto& p : pairs) {
    const auto t = looked_at(p.shown, with_label(p.configured));
    INFO(p.id << "\n" << t.text());
    CHECK(t.first() == p.id);
    // A label with a blank at its end, or a longer one than 32 bytes, matches no token: blanks are the padding.
    const bool can_match = p.id != std::string_view("P9b") && p.id != std::string_view("P9d");
    if (can_match) CHECK_FALSE(looked_at(p.configured, with_label(p.configured)).has_errors());
  }
  SECTION("P9f: the text is the name of something else") {
    auto set = with_label("mq-card");
    set.other_names.push_back({"the name of the provider", "mq-card"});
    const auto t = looked_at("mytoken", set);
    INFO(t.text());
    CHECK(t.first() == "P9f");
  }
  SECTION("P9l: the label is padded with NUL") {
    auto label = std::string("my token");
    label.resize(32, '\0');
    const auto t = looked_at(label, with_label("my token"));
    INFO(t.text());
    CHECK(t.first() == "P9l");
    CHECK(t.has("P67"));
  }
}

TEST_CASE("P9: without a configuration: tokens were read and none was used") {
  CHECK(looked_at("mytoken").has("P9"));
  SECTION("an error where the program is one of MQ's") {
    tape_story s;
    s.program("amqrmppa").initialize().slot_list({5}).token_info(5, {.label = "mytoken"}).finalize();
    CHECK(s.diagnose().has_error("P9"));
  }
  SECTION("silent where a session was opened") {
    tape_story s;
    s.initialize().slot_list({5}).token_info(5, {.label = "mytoken"}).open(5, 1).finalize();
    CHECK_FALSE(s.diagnose().has("P9"));
  }
  SECTION("only a note where the program lists tokens by trade") {
    tape_story s;
    s.program("pkcs11-tool").initialize().slot_list({5}).token_info(5, {.label = "mytoken"}).finalize();
    const auto t = s.diagnose();
    CHECK_FALSE(t.has_errors());
    CHECK(t.answer.warnings == 0);
  }
}

TEST_CASE("P9: a label that may be the PIN is compared and not printed") {
  auto set = with_label("12345678");
  set.label_hidden = true;
  const auto t = looked_at("mytoken", set);
  CHECK(t.has_errors());
  CHECK(t.text().find("12345678") == std::string::npos);
}

TEST_CASE("P10: several tokens have the same label") {
  tape_story s;
  s.initialize()
      .slot_list({5, 6})
      .token_info(5, {.label = "twin"})
      .token_info(6, {.label = "twin", .serial = "1"})
      .open(5, 1);
  CHECK(s.diagnose().first() == "P10");
  SECTION("silent where neither is used") {
    tape_story other;
    other.initialize().slot_list({5, 6, 7}).token_info(5, {.label = "twin"}).token_info(6, {.label = "twin"});
    other.token_info(7, {.label = "used"}).open(7, 1);
    CHECK_FALSE(other.diagnose().has("P10"));
  }
}

TEST_CASE("P11: the only token is not initialised") {
  tape_story s;
  s.initialize().slot_list({5}).token_info(5, {.label = "", .flags = CKF_LOGIN_REQUIRED}).finalize();
  CHECK(s.diagnose().first() == "P11");
  SECTION("silent about SoftHSM's blank one, beside one that is in use") {
    const softhsm token;
    if (!token.ready()) SKIP("SoftHSM is not installed");
    const auto t = story(token.surroundings(), [] {
      app a;
      a.begin();
      EXPECT_EQ(a.login(), CKR_OK);
      a.end();
    });
    INFO(t.text());
    CHECK_FALSE(t.has("P11"));
    CHECK_FALSE(t.has_errors());
  }
  SECTION("silent where a client that opens sessions on all tokens has a wrong PIN for another") {
    tape_story t;
    t.initialize()
        .slot_list({5, 6})
        .token_info(5, {.label = "mine"})
        .token_info(6, {.label = "", .flags = CKF_LOGIN_REQUIRED});
    t.open(5, 1).open(6, 2).login(1, CKR_PIN_INCORRECT).finalize();
    CHECK(t.diagnose().first() == "P12");
    CHECK_FALSE(t.diagnose().has("P11"));
  }
}

TEST_CASE("P1: the module could not be loaded") {
  contract::setup around;
  around.module = "/nonexistent/module.so";
  const auto t = story(around, [] {
    contract::shim shim;
    const auto get = P11TAPE_EXPORTED(shim, C_GetFunctionList);
    CK_FUNCTION_LIST* list = nullptr;
    EXPECT_EQ(get(&list), CKR_GENERAL_ERROR);
  });
  INFO(t.text());
  CHECK(t.first() == "P1");
  CHECK(t.text(true).find("AMQ9668E") != std::string::npos);
}

TEST_CASE("P2: a configuration that the client does not understand") {
  tape_story s;
  s.initialize().finalize();
  const auto t = s.diagnose(sslcryp("GSK_PKCS11=/usr/lib/p.so"));
  INFO(t.text());
  CHECK(t.first() == "P2");
  CHECK(t.text().find("AMQ9629E") != std::string::npos);
  CHECK_FALSE(s.diagnose(sslcryp(configured)).has("P2"));
}

TEST_CASE("P3, P4, P33: C_Initialize fails") {
  const auto initialize = [](CK_RV expected) {
    return [expected] {
      app a;
      EXPECT_EQ(a.initialize(), expected);
    };
  };
  CHECK(story(with_mock("C_Initialize=CKR_GENERAL_ERROR"), initialize(CKR_GENERAL_ERROR)).first() == "P3");
  CHECK(story(with_mock("C_Initialize=CKR_ARGUMENTS_BAD"), initialize(CKR_ARGUMENTS_BAD)).first() == "P4");
  CHECK(story(with_mock("C_Initialize=CKR_CANT_LOCK"), initialize(CKR_CANT_LOCK)).first() == "P33");
  SECTION("no errors where the client tries again in another way") {
    for (const auto* first : {"C_Initialize=CKR_ARGUMENTS_BAD", "C_Initialize=CKR_CANT_LOCK"}) {
      const auto t = story(with_mock(first), [] {
        app a;
        EXPECT(a.initialize() != CKR_OK);
        contract::script().configure("");
        EXPECT_EQ(a.initialize(false), CKR_OK);
        a.finalize();
      });
      INFO(t.text());
      CHECK_FALSE(t.has_errors());
    }
  }
}

TEST_CASE("P5: a slot that there is not") {
  const auto t = story(with_mock(), [] {
    app a;
    EXPECT_EQ(a.initialize(), CKR_OK);
    a.look();
    a.slot = 77;
    EXPECT_EQ(a.open(), CKR_SLOT_ID_INVALID);
    a.finalize();
  });
  INFO(t.text());
  CHECK(t.first() == "P5");
  CHECK(t.text().find("mock token") != std::string::npos);
}

TEST_CASE("P6, P7: no token, or none that is known") {
  tape_story s;
  s.initialize().slot_list({}).finalize();
  CHECK(s.diagnose().first() == "P6");
  tape_story later;
  later.initialize().slot_list({}).slot_list({5}).token_info(5, {.label = "late"}).open(5, 1).finalize();
  CHECK_FALSE(later.diagnose().has("P6"));

  const auto unknown_card = story(with_mock("C_GetTokenInfo=CKR_TOKEN_NOT_RECOGNIZED"), [] {
    app a;
    a.initialize();
    a.look();
    a.finalize();
  });
  CHECK(unknown_card.has("P7"));
  SECTION("an empty slot that says so is no finding") {
    tape_story empty;
    empty.initialize().slot_info(5, 0).call("C_GetTokenInfo", {5, 1}, CKR_TOKEN_NOT_PRESENT).finalize();
    CHECK_FALSE(empty.diagnose().has("P7"));
  }
}

TEST_CASE("P8: the recorder stands in front of p11-kit's proxy") {
  tape_story s;
  s.property("module", "/usr/lib/p11-kit-proxy.so")
      .property("module.path", "/usr/lib/x86_64-linux-gnu/libp11-kit.so.0");
  s.initialize().finalize();
  CHECK(s.diagnose().has("P8"));
  tape_story other;
  CHECK_FALSE(other.initialize().finalize().diagnose().has("P8"));
}

}  // namespace
}  // namespace p11tape::test
