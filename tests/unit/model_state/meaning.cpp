// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "states.hpp"

namespace p11tape::test {
namespace {

using cryptoki::function;

void begin(tape_story& s) {
  s.initialize().slot_list({5}).token_info(5, {.label = "UserPIN (mytoken)"}).open(5, 1).login(1);
}

// What the handle of the first call of that function means.
std::string meaning_in(tape_story& s, function which, std::string_view kind, u64 handle) {
  std::string text;
  bool seen = false;
  const ended e(s, [&](const model::call_context& now) {
    if (seen || now.which != which) return;
    seen = true;
    text = model::meaning(now, kind, handle);
  });
  return text;
}

TEST_CASE("handles become meaning") {
  tape_story s;
  begin(s);
  body asked, answered;
  for (const auto type : {CKA_CLASS, CKA_KEY_TYPE, CKA_LABEL, CKA_ID, CKA_MODULUS_BITS})
    asked.attribute(type, 64, 0, "");
  answered.attribute_number(CKA_CLASS, CKO_PRIVATE_KEY)
      .attribute_number(CKA_KEY_TYPE, CKK_RSA)
      .attribute_bytes(CKA_LABEL, "my_key3");
  answered.attribute_bytes(CKA_ID, "\x45").attribute_number(CKA_MODULUS_BITS, 2048);
  s.call("C_GetAttributeValue", body().words({1, 42, 1, 5}).template_item(2, asked), CKR_OK,
         body().template_item(2, answered));
  s.sign_init(1, CKM_RSA_PKCS, 42).close(1);
  CHECK(meaning_in(s, function::C_SignInit, "object", 42) ==
        "private RSA-2048 \"my_key3\" id 45 on \"UserPIN (mytoken)\"");
  CHECK(meaning_in(s, function::C_SignInit, "session", 1) == "session 1 on \"UserPIN (mytoken)\"");
  CHECK(meaning_in(s, function::C_OpenSession, "slot", 5) == "\"UserPIN (mytoken)\"");
  CHECK(meaning_in(s, function::C_OpenSession, "session", 1) == "a new session on \"UserPIN (mytoken)\"");
  CHECK(meaning_in(s, function::C_SignInit, "object", 43).empty());
  CHECK(meaning_in(s, function::C_SignInit, "object", 0).empty());
}

TEST_CASE("what a search asked for holds for what it found, also in the call that finds it") {
  tape_story s;
  begin(s);
  s.find(1, CKO_CERTIFICATE, "my_cert", "\x45", {7});
  CHECK(meaning_in(s, function::C_FindObjects, "object", 7) ==
        "certificate \"my_cert\" id 45 on \"UserPIN (mytoken)\"");
}

TEST_CASE("an EC key has its curve, a secret key its size") {
  tape_story s;
  begin(s);
  body wanted;
  const std::string p256("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10);
  wanted.attribute_number(CKA_CLASS, CKO_PUBLIC_KEY)
      .attribute_number(CKA_KEY_TYPE, CKK_EC)
      .attribute_bytes(CKA_EC_PARAMS, p256);
  s.call("C_CreateObject", body().words({1, 1, 3, 1}).template_item(1, wanted), CKR_OK, body().number_item(3, 9));
  CHECK(meaning_in(s, function::C_CreateObject, "object", 9).starts_with("public EC secp256r1 on"));
  tape_story aes;
  begin(aes);
  body secret;
  secret.attribute_number(CKA_CLASS, CKO_SECRET_KEY)
      .attribute_number(CKA_KEY_TYPE, CKK_AES)
      .attribute_number(CKA_VALUE_LEN, 32);
  aes.call("C_CreateObject", body().words({1, 1, 3, 1}).template_item(1, secret), CKR_OK, body().number_item(3, 9));
  CHECK(meaning_in(aes, function::C_CreateObject, "object", 9).starts_with("secret AES-256 on"));
}

TEST_CASE("a handle with another meaning than before loses the old one") {
  tape_story s;
  begin(s);
  s.find(1, CKO_CERTIFICATE, "old", "", {7}).find(1, CKO_PRIVATE_KEY, "new", "", {7}).sign_init(1, CKM_RSA_PKCS, 7);
  CHECK(meaning_in(s, function::C_SignInit, "object", 7) == "private key \"new\" on \"UserPIN (mytoken)\"");
}

TEST_CASE("an empty ID is known to be empty, and a label cannot move the cursor") {
  tape_story s;
  begin(s);
  s.describe(1, 7, CKO_CERTIFICATE, "a\x1b[2J", "").sign_init(1, CKM_RSA_PKCS, 7);
  const auto text = meaning_in(s, function::C_SignInit, "object", 7);
  CHECK(text.find("id (empty)") != std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
}

}  // namespace
}  // namespace p11tape::test
