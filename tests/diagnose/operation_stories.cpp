// SPDX-License-Identifier: Apache-2.0
// P43 to P60: operations, mechanisms, keys, devices.
#include "story.hpp"
#include "synthetic.hpp"

namespace p11tape::test {
namespace {

using contract::softhsm;

void begin(tape_story& s) { s.initialize().slot_list({5}).token_info(5, {}).open(5, 1).login(1); }

// SoftHSM with a key; `use` does something with it.
told with_key(const std::function<void(app&, CK_OBJECT_HANDLE)>& use, bool signs = true) {
  const softhsm token;
  REQUIRE(token.ready());
  return story(token.surroundings(), [&] {
    app a;
    a.begin(true, true);
    a.list_mechanisms();
    EXPECT_EQ(a.login(), CKR_OK);
    use(a, a.make_pair("server", "45", signs));
    a.end();
  });
}

// The mock answers `value` to `function` in an otherwise fine signature.
told scripted(const std::string& function, const std::string& value) {
  return story(with_mock(function + "=" + value), [] {
    app a;
    a.begin();
    a.login();
    a.list_mechanisms();
    const auto keys = a.find(CKO_PRIVATE_KEY);
    a.read(keys.empty() ? 2 : keys[0], {CKA_LABEL, CKA_ID, CKA_KEY_TYPE, CKA_MODULUS, CKA_SIGN});
    a.sign(keys.empty() ? 2 : keys[0]);
    a.end();
  });
}

TEST_CASE("a healthy signature is no finding") {
  const auto t = with_key([](app& a, CK_OBJECT_HANDLE key) {
    EXPECT_EQ(a.sign(key), CKR_OK);
    EXPECT(!a.find(CKO_PRIVATE_KEY, "server").empty());
    EXPECT_EQ(a.sign(key), CKR_OK);
  });
  INFO(t.text());
  CHECK_FALSE(t.has_errors());
  CHECK(t.answer.warnings == 0);
  CHECK(t.text().find("No problem was found") != std::string::npos);
}

TEST_CASE("P43: a search was not ended") {
  const auto t = with_key([](app& a, CK_OBJECT_HANDLE) {
    EXPECT_EQ(a.p->C_FindObjectsInit(a.session, nullptr, 0), CKR_OK);
    EXPECT_EQ(a.p->C_FindObjectsInit(a.session, nullptr, 0), CKR_OPERATION_ACTIVE);
  });
  INFO(t.text());
  CHECK(t.first() == "P43");
}

TEST_CASE("P43b: operations out of order") {
  const auto twice = with_key([](app& a, CK_OBJECT_HANDLE key) {
    CK_MECHANISM mechanism{CKM_RSA_PKCS, nullptr, 0};
    EXPECT_EQ(a.p->C_SignInit(a.session, &mechanism, key), CKR_OK);
    EXPECT_EQ(a.p->C_SignInit(a.session, &mechanism, key), CKR_OPERATION_ACTIVE);
  });
  CHECK(twice.has("P43b"));
  const auto never = with_key([](app& a, CK_OBJECT_HANDLE) {
    unsigned char some[8]{}, out[512];
    CK_ULONG size = sizeof out;
    EXPECT_EQ(a.p->C_Sign(a.session, some, sizeof some, out, &size), CKR_OPERATION_NOT_INITIALIZED);
  });
  INFO(never.text());
  CHECK(never.has("P43b"));
}

TEST_CASE("P43c: reading inside a search that then fails") {
  const auto make = [](bool fails, bool filtered) {
    tape_story s;
    begin(s);
    if (filtered) s.filtered();
    s.search_init(1, CKO_PRIVATE_KEY, "", "");
    s.call("C_FindObjects", body().words({1, 1, 1, 1}), CKR_OK,
           body().item(1, 3, body().put(u64{7}).str()).number_item(3, 1));
    s.read(1, 7, CKA_LABEL);
    s.call("C_FindObjects", {1, 1, 1, 1}, fails ? CKR_OPERATION_NOT_INITIALIZED : CKR_OK)
        .call("C_FindObjectsFinal", {1});
    return s.diagnose();
  };
  CHECK(make(true, false).has("P43c"));
  CHECK_FALSE(make(false, false).has("P43c"));
  const auto silent = make(true, true);
  CHECK_FALSE(silent.has("P43c"));
  CHECK(silent.text().find("not checked, because recording filters") != std::string::npos);
}

TEST_CASE("P50: the token does not offer the mechanism") {
  const auto t = with_key(
      [](app& a, CK_OBJECT_HANDLE key) { EXPECT_EQ(a.sign(key, CKM_RIPEMD160_RSA_PKCS), CKR_MECHANISM_INVALID); });
  INFO(t.text());
  CHECK(t.first() == "P50");
  CHECK(t.text().find("CKM_RIPEMD160_RSA_PKCS") != std::string::npos);
  SECTION("a warning where the client found another way") {
    const auto found = with_key([](app& a, CK_OBJECT_HANDLE key) {
      EXPECT_EQ(a.sign(key, CKM_RIPEMD160_RSA_PKCS), CKR_MECHANISM_INVALID);
      EXPECT_EQ(a.sign(key), CKR_OK);
    });
    CHECK(found.has("P50"));
    CHECK_FALSE(found.has_errors());
  }
}

TEST_CASE("P50: not of functions that have no mechanism") {
  tape_story s;
  s.initialize().slot_list({5}).call("C_GetSlotInfo", {5, 1}, CKR_MECHANISM_INVALID).finalize();
  const auto t = s.diagnose();
  INFO(t.text());
  CHECK_FALSE(t.has("P50"));
  CHECK(t.first() == "P77");
}

TEST_CASE("P51: the mechanism's parameter") {
  const auto t = with_key([](app& a, CK_OBJECT_HANDLE key) {
    CK_RSA_PKCS_PSS_PARAMS pss{CKM_SHA_1, CKG_MGF1_SHA256, 20};
    CK_MECHANISM mechanism{CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss};
    EXPECT(a.p->C_SignInit(a.session, &mechanism, key) != CKR_OK);
  });
  const auto mock = scripted("C_SignInit", "CKR_MECHANISM_PARAM_INVALID");
  INFO(mock.text());
  CHECK(mock.first() == "P51");
}

TEST_CASE("P52: the key may not be used for this") {
  const auto t =
      with_key([](app& a, CK_OBJECT_HANDLE key) { EXPECT_EQ(a.sign(key), CKR_KEY_FUNCTION_NOT_PERMITTED); }, false);
  INFO(t.text());
  CHECK(t.first() == "P52");
  CHECK(t.text().find("CKA_SIGN = false") != std::string::npos);
  SECTION("its attributes allow it") {
    tape_story s;
    begin(s);
    s.find(1, CKO_PRIVATE_KEY, "", "45", {7});
    body asked, answered;
    asked.attribute(CKA_SIGN, 1, 0, "");
    answered.attribute(CKA_SIGN, 1, 2, body().put(u64{1}).str());
    s.call("C_GetAttributeValue", body().words({1, 7, 1, 1}).template_item(2, asked), CKR_OK,
           body().template_item(2, answered));
    const auto allowed = s.sign_init(1, CKM_ECDSA, 7, CKR_KEY_FUNCTION_NOT_PERMITTED).finalize().diagnose();
    INFO(allowed.text());
    REQUIRE(allowed.first() == "P52");
    CHECK(allowed.find("P52")->fault == diagnose::fault::undecidable);
    CHECK(allowed.find("P52")->say.find("although the key has CKA_SIGN = true") != std::string::npos);
  }
}

TEST_CASE("P53, P54: sizes") {
  CHECK(scripted("C_SignInit", "CKR_KEY_TYPE_INCONSISTENT").first() == "P53");
  CHECK(scripted("C_SignInit", "CKR_KEY_SIZE_RANGE").first() == "P53");
  const auto says_so = scripted("C_Sign", "CKR_DATA_LEN_RANGE");
  INFO(says_so.text());
  CHECK(says_so.first() == "P54");
  CHECK(says_so.text().find("245 bytes") != std::string::npos);
  // SoftHSM does not say so, but the size of the key does.
  const auto data = with_key([](app& a, CK_OBJECT_HANDLE key) { EXPECT(a.sign(key, CKM_RSA_PKCS, 200) != CKR_OK); });
  INFO(data.text());
  CHECK(data.first() == "P54");
  CHECK(data.text().find("117 bytes") != std::string::npos);
}

TEST_CASE("P55: functions that are not there") {
  const auto optional = scripted("C_GetOperationState", "CKR_FUNCTION_NOT_SUPPORTED");
  CHECK_FALSE(optional.has_errors());
  const auto needed = scripted("C_SignInit", "CKR_FUNCTION_NOT_SUPPORTED");
  INFO(needed.text());
  CHECK(needed.has("P55"));
  CHECK(needed.has_error("P55"));
}

TEST_CASE("P56: too small a buffer, again and again") {
  const auto make = [](int times) {
    tape_story s;
    begin(s);
    s.find(1, CKO_PRIVATE_KEY, "", "45", {7}).sign_init(1, CKM_RSA_PKCS, 7);
    for (int i = 0; i < times; ++i) s.sign(1, CKR_BUFFER_TOO_SMALL);
    s.sign(1);
    return s.diagnose();
  };
  CHECK(make(3).has("P56"));
  CHECK_FALSE(make(1).has("P56"));
  const auto read = [](bool again) {
    tape_story s;
    begin(s);
    s.find(1, CKO_PRIVATE_KEY, "", "45", {7}).read(1, 7, CKA_ID, CKR_BUFFER_TOO_SMALL);
    if (again) s.read(1, 7, CKA_ID);
    return s.finalize().diagnose();
  };
  CHECK(read(false).first() == "P56");
  CHECK_FALSE(read(true).has("P56"));
}

TEST_CASE("P57, P58, P59: the device, the module, the vendor") {
  for (const auto* value : {"CKR_DEVICE_REMOVED", "CKR_DEVICE_ERROR", "CKR_DEVICE_MEMORY"}) {
    const auto t = scripted("C_Sign", value);
    INFO(t.text());
    CHECK(t.first() == "P57");
  }
  const auto general = scripted("C_Sign", "CKR_GENERAL_ERROR");
  INFO(general.text());
  CHECK(general.first() == "P58");
  CHECK(general.text().find("previous calls") != std::string::npos);
  const auto vendor = scripted("C_Sign", "0x80000384");
  CHECK(vendor.has("P59"));
  CHECK(vendor.text().find("0x80000384") != std::string::npos);
}

TEST_CASE("P60: the token's clock") {
  const auto make = [](std::string time) {
    tape_story s;
    s.initialize()
        .slot_list({5})
        .token_info(5, {.flags = CKF_TOKEN_INITIALIZED | CKF_CLOCK_ON_TOKEN, .utc_time = std::move(time)})
        .open(5, 1);
    return s.diagnose();
  };
  CHECK(make("2026112112000100").has("P60"));
  CHECK_FALSE(make("2026112118050100").has("P60"));
}

TEST_CASE("P70 to P76: oddities are notes") {
  tape_story s;
  s.initialize().slot_list({5}).slot_info(5, 0).token_info(5, {.label = "Schl\xFCssel"}).open(5, 1);
  s.mechanisms(5, {CKM_RSA_PKCS}).mechanisms(5, {CKM_RSA_PKCS, CKM_ECDSA}).close(1).open(5, 1).close(1);
  s.sign_init(1, CKM_RSA_PKCS, 7, CKR_SESSION_HANDLE_INVALID).call("C_Finalize", {1});
  const auto t = s.diagnose();
  INFO(t.text());
  for (const auto* id : {"P70", "P73", "P74", "P75", "P76"}) CHECK(t.has(id));
  tape_story plain;
  plain.initialize()
      .slot_list({5})
      .slot_info(5, CKF_TOKEN_PRESENT)
      .token_info(5, {})
      .open(5, 1)
      .mechanisms(5, {CKM_RSA_PKCS});
  plain.mechanisms(5, {CKM_RSA_PKCS}).close(1).finalize();
  const auto none = plain.diagnose();
  for (const auto* id : {"P67", "P70", "P73", "P74", "P75", "P76"}) CHECK_FALSE(none.has(id));
}

TEST_CASE("P71: the login outlives its session") {
  const auto make = [](u64 state) {
    tape_story s;
    begin(s);
    s.close(1).open(5, 2);
    s.call("C_GetSessionInfo", body().words({2, 1}), CKR_OK,
           body().record_item(1, "CK_SESSION_INFO", body().words({5, state, 4, 0})));
    return s.diagnose();
  };
  CHECK(make(CKS_RO_USER_FUNCTIONS).has("P71"));
  CHECK_FALSE(make(CKS_RO_PUBLIC_SESSION).has("P71"));
}

}  // namespace
}  // namespace p11tape::test
