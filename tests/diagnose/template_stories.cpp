// SPDX-License-Identifier: Apache-2.0
// P29 and P51: templates and mechanism parameters, held against the standard.
#include "diagnose/rules/attribute_templates.hpp"
#include "diagnose/rules/mechanism_parameters.hpp"
#include "story.hpp"
#include "synthetic.hpp"

namespace p11tape::test {
namespace {

using cryptoki::function;

constexpr u64 rw = CKF_SERIAL_SESSION | CKF_RW_SESSION;
constexpr u64 given = tape::pointer_given;

tape_story& begin(tape_story& s) { return s.initialize().slot_list({5}).token_info(5, {}).open(5, 1, rw).login(1); }

body flag(body b, u64 type, bool value) { return b.attribute(type, 1, 1, std::string(1, value ? '\1' : '\0')); }

told pair(const body& open_part, const body& secret_part, u64 rv, u64 mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN) {
  tape_story s;
  begin(s).call("C_GenerateKeyPair",
                body()
                    .words({1, given, given, 0, given, 0, given, given})
                    .mechanism_item(1, mechanism, 0)
                    .template_item(2, open_part)
                    .template_item(4, secret_part),
                rv, {});
  return s.finalize().diagnose();
}

std::string said(const told& t, std::string_view id = "P29") {
  const auto* f = t.find(id);
  return f == nullptr ? "" : f->say + " " + f->cause + " " + f->advice;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_CASE("P29: what is wrong with the templates of a key pair is named") {
  const auto bits = body().attribute_number(CKA_MODULUS_BITS, 2048);
  CHECK(has(said(pair(body(), body(), CKR_TEMPLATE_INCOMPLETE)), "CKA_MODULUS_BITS is missing"));
  CHECK(
      has(said(pair(body(bits).attribute_number(CKA_KEY_TYPE, 2), body(), CKR_TEMPLATE_INCONSISTENT)), "CKA_KEY_TYPE"));
  CHECK(has(said(pair(bits, flag(flag(body(), CKA_SIGN, true), CKA_SIGN, true), CKR_TEMPLATE_INCONSISTENT)),
            "CKA_SIGN is given twice"));
  CHECK(has(said(pair(bits, flag(body(), CKA_LOCAL, true), CKR_ATTRIBUTE_READ_ONLY)), "CKA_LOCAL"));
  CHECK(has(said(pair(body().attribute(CKA_MODULUS_BITS, 4, 1, "abcd"), body(), CKR_ATTRIBUTE_VALUE_INVALID)),
            "wrong form"));
  const auto all = flag(flag(flag(body(), CKA_SIGN, true), CKA_DECRYPT, true), CKA_UNWRAP, true);
  CHECK(has(said(pair(bits, all, CKR_TEMPLATE_INCONSISTENT)), "usages CKA_SIGN, CKA_DECRYPT and CKA_UNWRAP"));
  // The rights of a signature key alone are no reason.
  CHECK_FALSE(has(said(pair(bits, flag(body(), CKA_SIGN, true), CKR_TEMPLATE_INCONSISTENT)), "usages"));
  CHECK_FALSE(pair(bits, all, CKR_OK).has("P29"));
}

TEST_CASE("P29: a curve is named, whatever the code") {
  const auto k1 = body().attribute_bytes(CKA_EC_PARAMS, std::string("\x06\x05\x2b\x81\x04\x00\x0a", 7));
  for (const auto rv : {CKR_CURVE_NOT_SUPPORTED, CKR_DOMAIN_PARAMS_INVALID, CKR_ATTRIBUTE_TYPE_INVALID,
                        CKR_ATTRIBUTE_VALUE_INVALID, CKR_GENERAL_ERROR}) {
    const auto t = pair(k1, body(), rv, CKM_EC_KEY_PAIR_GEN);
    INFO(t.text());
    CHECK(t.first() == "P29");
    CHECK(has(said(t), "secp256k1"));
  }
  CHECK_FALSE(pair(k1, body(), CKR_OK, CKM_EC_KEY_PAIR_GEN).has_errors());
}

TEST_CASE("P29: C_DeriveKey and C_CreateObject say what they lack") {
  const auto make = [](const std::string& name, const body& arguments, u64 rv) {
    tape_story s;
    return begin(s).call(name, arguments, rv, {}).finalize().diagnose();
  };
  const auto generic =
      body().attribute_number(CKA_CLASS, CKO_SECRET_KEY).attribute_number(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
  const auto derive = [&](const body& t, u64 rv) {
    return make("C_DeriveKey",
                body().words({1, given, 7, given, 0, given}).mechanism_item(1, CKM_ECDH1_DERIVE, 0).template_item(3, t),
                rv);
  };
  CHECK(has(said(derive(generic, CKR_TEMPLATE_INCOMPLETE)), "CKA_VALUE_LEN"));
  CHECK_FALSE(
      has(said(derive(body(generic).attribute_number(CKA_VALUE_LEN, 32), CKR_TEMPLATE_INCOMPLETE)), "CKA_VALUE_LEN"));
  const auto rsa = body()
                       .attribute_number(CKA_CLASS, CKO_PUBLIC_KEY)
                       .attribute_number(CKA_KEY_TYPE, CKK_RSA)
                       .attribute_bytes(CKA_MODULUS, "abc");
  CHECK(has(
      said(make("C_CreateObject", body().words({1, given, 3, given}).template_item(1, rsa), CKR_TEMPLATE_INCOMPLETE)),
      "CKA_PUBLIC_EXPONENT"));
}

// A sample with a mechanism, as failed_calls would have it.
diagnose::sample with(u64 mechanism, u64 length, std::string name, std::vector<std::pair<std::string, u64>> fields) {
  diagnose::sample s;
  s.mechanism = mechanism;
  s.parameter_known = true;
  s.parameter_given = length != 0;
  s.parameter_length = length;
  s.parameter_struct = std::move(name);
  s.parameter_fields = std::move(fields);
  return s;
}

TEST_CASE("P51: mechanism parameters") {
  using diagnose::check_parameter;
  const auto pss = [](u64 hash, u64 mask, u64 salt) {
    return with(CKM_SHA256_RSA_PKCS_PSS, sizeof(CK_RSA_PKCS_PSS_PARAMS), "CK_RSA_PKCS_PSS_PARAMS",
                {{"hashAlg", hash}, {"mgf", mask}, {"sLen", salt}});
  };
  CHECK_FALSE(check_parameter(function::C_SignInit, pss(CKM_SHA256, CKG_MGF1_SHA256, 32)));
  const auto salt = check_parameter(function::C_SignInit, pss(CKM_SHA256, CKG_MGF1_SHA256, 0));
  REQUIRE(salt);
  CHECK_FALSE(salt->is_certain);
  CHECK(has(salt->say, "salt of 0 bytes"));
  const auto hash = check_parameter(function::C_SignInit, pss(CKM_SHA_1, CKG_MGF1_SHA1, 20));
  REQUIRE(hash);
  CHECK(hash->is_certain);
  const auto none = check_parameter(function::C_SignInit, with(CKM_RSA_PKCS_PSS, 0, "", {}));
  REQUIRE(none);
  CHECK(none->is_certain);
  CHECK(has(none->say, "without its parameter"));
  CHECK_FALSE(check_parameter(function::C_SignInit, with(CKM_RSA_PKCS, 0, "", {})));
  CHECK(check_parameter(function::C_SignInit, with(CKM_RSA_PKCS, 8, "", {})));

  const auto oaep = [](u64 type, u64 mask) {
    return with(CKM_RSA_PKCS_OAEP, sizeof(CK_RSA_PKCS_OAEP_PARAMS), "CK_RSA_PKCS_OAEP_PARAMS",
                {{"hashAlg", type}, {"mgf", mask}, {"source", 1}, {"ulSourceDataLen", 0}});
  };
  CHECK_FALSE(check_parameter(function::C_DecryptInit, oaep(CKM_SHA_1, CKG_MGF1_SHA1)));
  CHECK(has(check_parameter(function::C_DecryptInit, oaep(CKM_SHA256, CKG_MGF1_SHA256))->say, "OAEP with CKM_SHA256"));

  const auto gcm = [](u64 iv, u64 bits, u64 tag) {
    return with(CKM_AES_GCM, sizeof(CK_GCM_PARAMS), "CK_GCM_PARAMS",
                {{"ulIvLen", iv}, {"ulIvBits", bits}, {"ulTagBits", tag}});
  };
  CHECK_FALSE(check_parameter(function::C_EncryptInit, gcm(12, 96, 128)));
  CHECK(check_parameter(function::C_EncryptInit, gcm(12, 12, 128))->is_certain);
  CHECK(check_parameter(function::C_EncryptInit, gcm(12, 96, 16))->is_certain);
  CHECK(check_parameter(function::C_EncryptInit, gcm(0, 0, 128))->is_certain);
  const auto old = check_parameter(function::C_EncryptInit, with(CKM_AES_GCM, sizeof(CK_GCM_PARAMS) - sizeof(CK_ULONG),
                                                                 "CK_GCM_PARAMS_WITHOUT_IV_BITS", {}));
  REQUIRE(old);
  CHECK(has(old->say, "ulIvBits"));
  CHECK(check_parameter(function::C_EncryptInit, with(CKM_AES_CBC, 8, "", {}))->is_certain);
  CHECK_FALSE(check_parameter(function::C_EncryptInit, with(CKM_AES_CBC, 16, "", {})));
  // The parameter of message-based functions is another struct.
  CHECK_FALSE(check_parameter(function::C_MessageEncryptInit,
                              with(CKM_AES_GCM, sizeof(CK_GCM_MESSAGE_PARAMS), "CK_GCM_MESSAGE_PARAMS",
                                   {{"ulIvLen", 12}, {"ulTagBits", 128}})));
}

TEST_CASE("P50: a mechanism that is listed, and not for this use") {
  tape_story s;
  begin(s).mechanisms(5, {CKM_RSA_PKCS, CKM_RSA_PKCS_OAEP}).find(1, CKO_PRIVATE_KEY, "", "", {7});
  const auto t = s.sign_init(1, CKM_RSA_PKCS_OAEP, 7, CKR_MECHANISM_INVALID).finalize().diagnose();
  INFO(t.text());
  CHECK(t.first() == "P50");
  CHECK(has(said(t, "P50"), "not a mechanism for signing"));
  CHECK_FALSE(has(said(t, "P50"), "does not offer"));
  tape_story missing;
  begin(missing).mechanisms(5, {CKM_RSA_PKCS}).find(1, CKO_PRIVATE_KEY, "", "", {7});
  CHECK(has(said(missing.sign_init(1, CKM_ECDSA, 7, CKR_MECHANISM_INVALID).finalize().diagnose(), "P50"),
            "does not support CKM_ECDSA"));
}

}  // namespace
}  // namespace p11tape::test
