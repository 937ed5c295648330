// SPDX-License-Identifier: Apache-2.0
// Kinds of failures whose cause is not in the return value, each with a story in which nothing is wrong.
#include "diagnose/rules/module_habits.hpp"
#include "story.hpp"
#include "synthetic.hpp"

namespace p11tape::test {
namespace {

constexpr u64 rw = CKF_SERIAL_SESSION | CKF_RW_SESSION;
constexpr u64 given = tape::pointer_given;

tape_story& begin(tape_story& s, fake_token token = {}) {
  return s.initialize().slot_list({5}).token_info(5, std::move(token)).open(5, 1, rw);
}

std::string said(const told& t, std::string_view id) {
  const auto* f = t.find(id);
  return f == nullptr ? "" : f->say + " " + f->cause + " " + f->advice;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_CASE("P5: slot IDs that were not listed, and positions in the list") {
  tape_story early;
  early.initialize().call("C_GetSlotInfo", {77, given}, CKR_SLOT_ID_INVALID).finalize();
  CHECK(has(said(early.diagnose(), "P5"), "before C_GetSlotList"));
  tape_story position;
  position.initialize().slot_list({123456}).call("C_OpenSession", {0, rw, 0, 0, given}, CKR_SLOT_ID_INVALID).finalize();
  const auto t = position.diagnose();
  CHECK(t.first() == "P5");
  CHECK(has(said(t, "P5"), "position"));
  CHECK(has(said(t, "P5"), "123456"));
  tape_story fine;
  begin(fine).close(1).finalize();
  CHECK_FALSE(fine.diagnose().has("P5"));
}

TEST_CASE("P12: a wrong PIN outside of C_Login is one, too") {
  const auto make = [](u64 rv) {
    tape_story s;
    begin(s).login(1);
    s.call("C_SetPIN", body().words({1, given, 6, given, 6}).pin_item(1, 6, 0, 1).pin_item(3, 6, 0, 2), rv, {});
    return s.finalize().diagnose();
  };
  const auto wrong = make(CKR_PIN_INCORRECT);
  INFO(wrong.text());
  CHECK(wrong.first() == "P12");
  CHECK(has(said(wrong, "P12"), "C_SetPIN"));
  CHECK(wrong.has_errors());
  CHECK_FALSE(make(CKR_OK).has("P12"));
}

TEST_CASE("P16: a login is judged by the PIN's length, whatever code it returned") {
  const auto make = [](u64 length, u64 rv) {
    tape_story s;
    begin(s, {.max_pin = 15, .min_pin = 6});
    return s.login(1, rv, {.length = length}).finalize().diagnose();
  };
  for (const auto rv : {CKR_ARGUMENTS_BAD, CKR_DATA_LEN_RANGE, CKR_PIN_INCORRECT, CKR_PIN_LEN_RANGE}) {
    CHECK(make(16, rv).first() == "P16");
    CHECK(make(5, rv).first() == "P16");
  }
  CHECK(has(said(make(16, CKR_ARGUMENTS_BAD), "P16"), "16 bytes"));
  CHECK(make(8, CKR_PIN_INCORRECT).first() == "P12");
  CHECK_FALSE(make(8, CKR_OK).has_errors());
}

TEST_CASE("P17: whatever function says that the PIN has expired") {
  tape_story s;
  begin(s,
        {.flags = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED | CKF_USER_PIN_TO_BE_CHANGED});
  const auto t = s.login(1).search_init(1, CKO_CERTIFICATE, "x", "", CKR_PIN_EXPIRED).finalize().diagnose();
  INFO(t.text());
  CHECK(t.first() == "P17");
  CHECK(t.has_error("P17"));
}

TEST_CASE("P20b: an empty PIN for a PIN pad that wants NULL") {
  constexpr u64 pad =
      CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED | CKF_PROTECTED_AUTHENTICATION_PATH;
  tape_story s;
  const auto t = begin(s, {.flags = pad}).login(1, CKR_PIN_INCORRECT, {.length = 0}).finalize().diagnose();
  INFO(t.text());
  CHECK(t.first() == "P20b");
  CHECK(has(said(t, "P20b"), "NULL"));
  CHECK_FALSE(t.has("P12"));
  CHECK_FALSE(t.has("P16"));
  tape_story without;
  CHECK(begin(without).login(1, CKR_PIN_INCORRECT, {.length = 8}).finalize().diagnose().first() == "P12");
}

TEST_CASE("P20: a user type that the token does not take") {
  tape_story s;
  s.property("module", "/usr/lib/libCryptoki2_64.so");
  const auto t = begin(s).login(1, CKR_USER_TYPE_INVALID, {}, CKU_CONTEXT_SPECIFIC).finalize().diagnose();
  INFO(t.text());
  CHECK(t.first() == "P20");
  CHECK(has(said(t, "P20"), "CKU_CONTEXT_SPECIFIC"));
}

TEST_CASE("P21: a search by ID and label, an ID given as text, a second class") {
  tape_story both;
  begin(both).login(1).find(1, CKO_CERTIFICATE, "", "", {7}).describe(1, 7, CKO_CERTIFICATE, "mail", "E");
  const auto t = both.find(1, CKO_PRIVATE_KEY, "mail", "E", {}).finalize().diagnose();
  INFO(t.text());
  CHECK(t.first() == "P21");
  CHECK(has(said(t, "P21"), "both the ID 45 and the label"));
  tape_story text;
  begin(text).login(1).find(1, CKO_PRIVATE_KEY, "", "", {7}).describe(1, 7, CKO_PRIVATE_KEY, "mail", "\x01");
  const auto u = text.find(1, CKO_PRIVATE_KEY, "", "01", {}).finalize().diagnose();
  CHECK(has(said(u, "P21"), "id=%01"));
  tape_story second;
  begin(second).login(1).find(1, CKO_PRIVATE_KEY, "tk", "", {}).find(1, CKO_SECRET_KEY, "tk", "", {9});
  CHECK_FALSE(second.finalize().diagnose().has("P21"));
}

TEST_CASE("P36: C_OpenSession fails with a code that does not say that sessions are used up") {
  const expect_general otherwise;  // with few sessions, or where it never worked, the tape shows no cause
  const auto make = [](u64 open) {
    tape_story s;
    begin(s);
    for (u64 i = 2; i <= open; ++i) s.open(5, i, rw);
    s.call("C_OpenSession", {5, rw, 0, 0, given}, CKR_ARGUMENTS_BAD);
    return s.finalize().diagnose();
  };
  const auto many = make(20);
  INFO(many.text());
  CHECK(many.first() == "P36");
  CHECK(has(said(many, "P36"), "20 sessions"));
  CHECK(make(1).first() != "P36");
  CHECK(make(1).has_errors());
}

TEST_CASE("P42: C_Finalize that waits for a thread in C_WaitForSlotEvent") {
  tape_story s;
  begin(s).thread(2).begin("C_WaitForSlotEvent", {0, given, 0}).thread(1).begin("C_Finalize", {0});
  const auto t = s.diagnose();
  INFO(t.text());
  REQUIRE_FALSE(t.answer.found.empty());
  CHECK(has(t.answer.found.front().say, "C_WaitForSlotEvent"));
  CHECK(has(t.answer.found.front().say, "C_Finalize"));
}

TEST_CASE("P81: what a call needed, and did not have") {
  tape_story open;
  const auto t = begin(open).call("C_InitToken", {5, given, 8, given}, CKR_SESSION_EXISTS).finalize().diagnose();
  INFO(t.text());
  CHECK(t.first() == "P81");
  CHECK(has(said(t, "P81"), "C_InitToken"));
  CHECK(has(said(t, "P81"), "1 session of this process was open"));
  CHECK(t.find("P81")->fault == diagnose::fault::client);
  tape_story nobody;
  begin(nobody).find(1, CKO_PRIVATE_KEY, "", "", {7}).describe(1, 7, CKO_PRIVATE_KEY, "k", "E");
  CHECK(has(said(nobody.sign_init(1, CKM_RSA_PKCS, 7, CKR_USER_NOT_LOGGED_IN).finalize().diagnose(), "P81"),
            "no user was logged in"));
}

TEST_CASE("P77: what the standard forbids a module") {
  tape_story null_interface;
  null_interface.call("C_GetInterface", {given, 0, given, 0});
  const auto t = null_interface.diagnose();
  INFO(t.text());
  CHECK(t.first() == "P77");
  CHECK(t.has_error("P77"));
  CHECK(t.find("P77")->fault == diagnose::fault::module);
  tape_story list;
  list.initialize().slot_list({5});
  list.call("C_GetMechanismList", body().words({5, 0, given}).number_item(2, 0), CKR_BUFFER_TOO_SMALL,
            body().number_item(2, 12));
  const auto query = list.finalize().diagnose();
  INFO(query.text());
  CHECK(query.first() == "P77");
  CHECK(has(said(query, "P77"), "for a size query"));
  const auto sign = [](u64 wanted, u64 room, u64 rv) {
    tape_story s;
    begin(s).login(1).find(1, CKO_PRIVATE_KEY, "", "", {7}).sign_init(1, CKM_RSA_PKCS, 7);
    s.call("C_Sign", body().words({1, given, 20, 0, given}).number_item(4, 0), CKR_OK, body().number_item(4, wanted));
    s.call("C_Sign", body().words({1, given, 20, given, given}).number_item(4, room), rv,
           body().number_item(4, wanted));
    return s.finalize().diagnose();
  };
  CHECK(sign(128, 128, CKR_BUFFER_TOO_SMALL).has("P77"));
  CHECK_FALSE(sign(128, 64, CKR_BUFFER_TOO_SMALL).has("P77"));
  CHECK_FALSE(sign(128, 128, CKR_OK).has("P77"));
}

TEST_CASE("P78: objects that appear some time after the login") {
  const auto make = [](bool later) {
    tape_story s;
    begin(s).login(1).find(1, CKO_PRIVATE_KEY, "", "", {}).wait(300000000);
    return s.find(1, CKO_PRIVATE_KEY, "", "", later ? std::vector<u64>{7} : std::vector<u64>{}).finalize().diagnose();
  };
  CHECK(make(true).has("P78"));
  CHECK_FALSE(make(false).has("P78"));
  CHECK(has(said(make(false), "P21b"), "found nothing"));
}

TEST_CASE("P82: session objects that nobody destroys") {
  const auto make = [](bool destroys, u64 rv) {
    tape_story s;
    begin(s).login(1);
    for (u64 i = 100; i < 180; ++i) {
      s.call("C_CreateObject",
             body().words({1, given, 1, given}).template_item(1, body().attribute_number(CKA_CLASS, CKO_PUBLIC_KEY)),
             CKR_OK, body().number_item(3, i));
      if (destroys) s.call("C_DestroyObject", {1, i});
    }
    if (rv != CKR_OK) s.call("C_CreateObject", {1, given, 1, given}, rv);
    return s.diagnose();
  };
  CHECK(make(false, CKR_OK).has("P82"));
  CHECK_FALSE(make(true, CKR_OK).has("P82"));
  const auto full = make(false, CKR_DEVICE_MEMORY);
  INFO(full.text());
  CHECK(full.first() == "P82");
  CHECK(full.has_error("P82"));
}

TEST_CASE("P85: keys without a certificate, for a client that lists certificates") {
  const auto make = [](std::vector<u64> certificates, const char* program = "client") {
    tape_story s;
    s.program(program);
    begin(s).login(1).find(1, CKO_PRIVATE_KEY, "", "", {7}).describe(1, 7, CKO_PRIVATE_KEY, "k", "E");
    return s.find(1, CKO_CERTIFICATE, "", "", std::move(certificates)).finalize().diagnose();
  };
  CHECK(make({}).first() == "P85");
  CHECK_FALSE(make({8}).has("P85"));
  // OpenSSL's engine lists certificates whatever it is asked for: what it missed is a key.
  CHECK(make({}, "curl").first() == "P21b");
}

TEST_CASE("habits sharpen a finding and never make one") {
  tape_story s;
  s.property("module", "/opt/cloudhsm/lib/libcloudhsm_pkcs11.so");
  const auto t = begin(s).login(1, CKR_PIN_INCORRECT).finalize().diagnose();
  CHECK(has(said(t, "P12"), "user:password"));
  tape_story other;
  CHECK_FALSE(has(said(begin(other).login(1, CKR_PIN_INCORRECT).finalize().diagnose(), "P12"), "user:password"));
  tape_story well;
  well.property("module", "/opt/cloudhsm/lib/libcloudhsm_pkcs11.so");
  CHECK_FALSE(begin(well).login(1).close(1).finalize().diagnose().has_errors());
}

}  // namespace
}  // namespace p11tape::test
