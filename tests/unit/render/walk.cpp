// SPDX-License-Identifier: Apache-2.0
// What text and JSON say of values that the golden tapes do not have: hostile, damaged, of other profiles and versions.
#include <catch2/catch.hpp>

#include "render/render.hpp"
#include "tape/tape_builder.hpp"

using namespace p11tape;
using namespace p11tape::test;
using Catch::Contains;

namespace {

struct rendered {
  std::string text, json;
};

rendered render_call(std::string_view function, const body& enter, const std::string* leave = nullptr,
                     unsigned word_size = 8) {
  render::call_view v;
  v.number = 1;
  v.thread = 5;
  v.rows = &tape::schema::built_in();
  v.function_number = function_number(function);
  v.word_size = word_size;
  v.enter = std::as_bytes(std::span(enter.str()));
  if (leave) {
    v.state = tape::call_state::returned;
    v.leave = std::as_bytes(std::span(*leave));
  }
  rendered r;
  render::append_text(v, {}, r.text);
  render::append_json(v, {}, r.json);
  return r;
}

rendered render_result(std::string_view function, const body& enter, const body& leave, unsigned word_size = 8) {
  return render_call(function, enter, &leave.str(), word_size);
}

}  // namespace

TEST_CASE("pointers: NULL, bad, withheld, with and without their length") {
  // C_Sign(hSession, pData, ulDataLen, pSignature, pulSignatureLen)
  const auto sign = [](u64 data, u64 length, u64 signature) {
    return render_call("C_Sign", body().words({1, data, length, signature, 1}).number_item(4, 64)).text;
  };
  CHECK_THAT(sign(0, 0, 1), Contains("pData = NULL\n"));
  CHECK_THAT(sign(1 | 4, 20, 1), Contains("pData = 20 bytes, not recorded\n"));
  CHECK_THAT(sign(1 | 2, 20, 1), Contains("pData = 20 bytes, a pointer to memory that cannot be read\n"));
  CHECK_THAT(sign(1 | 4 | 16, 32, 1), Contains("pData = up to 32 bytes, not recorded\n"));
  CHECK_THAT(sign(1 | 4 | 16, 32, 1), Contains("ulDataLen = up to 32\n"));
  CHECK_THAT(sign(1 | 4, 20, 0), Contains("pSignature = NULL: queries the length\n"));
  CHECK_THAT(sign(1 | 4, 20, 1), !Contains("pSignature"));
  const auto strict = render_call("C_Login", body().words({1, 1, 1 | 4 | 8, 0}));
  CHECK_THAT(strict.text, Contains("pPin = not recorded, nor its length\n"));
  CHECK_THAT(strict.text, Contains("ulPinLen = not recorded\n"));
  CHECK_THAT(strict.json, Contains(R"("ulPinLen":{"recorded":false})"));
}

TEST_CASE("PINs are facts") {
  const auto login = [](u64 length, u32 anomalies, u32 number) {
    return render_call("C_Login", body().words({1, 1, 5, length}).pin_item(2, length, anomalies, number));
  };
  CHECK_THAT(login(8, 0, 1).text, Contains("pPin = PIN #1, 8 bytes, not recorded\n"));
  CHECK_THAT(login(9, 3, 2).text,
             Contains("PIN #2, 9 bytes, not recorded; it has a leading or trailing space and a newline\n"));
  CHECK_THAT(login(0, 0, 0).text, Contains("pPin = PIN, 0 bytes, not recorded\n"));
  CHECK_THAT(login(9, 64, 2).json,
             Contains(R"("pPin":{"pin":2,"anomalies":["protected"],"length":9,"recorded":false})"));
}

TEST_CASE("CK_UNAVAILABLE_INFORMATION is never a number or a length") {
  const auto r = render_result("C_GetAttributeValue", body().words({1, 2, 1, 1}),
                               body().put(u64{0x11}).template_item(2, body().attribute(0x11, unavailable, 0, "")));
  CHECK_THAT(r.text, Contains("CKA_VALUE = CK_UNAVAILABLE_INFORMATION"));
  CHECK_THAT(r.text, !Contains("18446744073709551615"));
  CHECK_THAT(r.json, Contains(R"({"attribute":"CKA_VALUE","type":17,"unavailable":true})"));
  const auto small =
      render_result("C_GetObjectSize", body().words({1, 2, 1}), body().put(u64{0}).number_item(2, 0xffffffff), 4);
  CHECK_THAT(small.text, Contains("pulSize = CK_UNAVAILABLE_INFORMATION\n"));
}

TEST_CASE("attributes whose bytes do not fit their type are shown raw, and that is said") {
  const auto r =
      render_call("C_FindObjectsInit",
                  body().words({1, 1, 3}).template_item(
                      1, body().attribute_bytes(0, "abcd").attribute_bytes(1, "\x05").attribute(0x102, 9, 0, "", 128)));
  CHECK_THAT(r.text, Contains("CKA_CLASS = 4 bytes: 61626364 (its length does not match its type)\n"));
  CHECK_THAT(r.text, Contains("CKA_TOKEN = 5, neither CK_TRUE nor CK_FALSE\n"));
  CHECK_THAT(r.text, Contains("CKA_ID = NULL, with a length of 9 bytes\n"));
}

TEST_CASE("attributes: withheld, sums, lists, nested templates, unknown types") {
  const auto nested = body().attribute_number(0, 3);
  const auto r = render_call("C_CreateObject",
                             body()
                                 .words({1, 1, 7, 1})
                                 .template_item(1, body()
                                                       .attribute(0x11, 32, 0, "", 4)
                                                       .attribute(0x11, 9, 9, std::string(32, '\x5a'))
                                                       .attribute(0x40000600, 16, 3, body().words({1, 0x1087}).str())
                                                       .attribute(0x40000211, 24, 6, nested.str())
                                                       .attribute(0x80001234, 5, 0, "", 4)
                                                       .attribute(0x7777, 5, 0, "", 4)
                                                       .attribute(0x3, 9000, 1, "label", 2)));
  CHECK_THAT(r.text, Contains("CKA_VALUE = 32 bytes, not recorded\n"));
  CHECK_THAT(r.text, Contains("CKA_VALUE = 9 bytes, not recorded; SHA-256 5a5a"));
  CHECK_THAT(
      r.text,
      Contains("CKA_ALLOWED_MECHANISMS = 2 values\n            1 CKM_RSA_PKCS\n            0x1087 CKM_AES_GCM\n"));
  CHECK_THAT(r.text, Contains("CKA_WRAP_TEMPLATE = 1 attribute\n            CKA_CLASS = 3 CKO_PRIVATE_KEY\n"));
  CHECK_THAT(r.text, Contains("CKA_VENDOR_DEFINED+0x1234 = 5 bytes, not recorded\n"));
  CHECK_THAT(r.text, Contains("0x7777 = 5 bytes, not recorded\n"));
  CHECK_THAT(r.text, Contains("CKA_LABEL = \"label\" (truncated: the tape does not contain all of it)\n"));
}

TEST_CASE("templates inside templates end somewhere") {
  body inner = body().attribute_number(0, 3);
  for (int i = 0; i < 50; ++i) inner = body().attribute(0x40000211, 24, 6, inner.str());
  const auto r = render_call("C_FindObjectsInit", body().words({1, 1, 1}).template_item(1, inner));
  CHECK(r.text.size() < 20000);
  body deep = body::record("CK_VERSION", body().words({2, 40}));
  for (int i = 0; i < 50; ++i)
    deep = body::record("CK_SSL3_MASTER_KEY_DERIVE_PARAMS", body().words({0, 1}).item(0, 4, deep.str()));
  const auto s = render_call(
      "C_DeriveKey", body().words({1, 1, 2, 1, 0, 1}).mechanism_item(1, 0x371, 9, body().item(0, 4, deep.str())));
  CHECK(s.text.size() < 20000);
}

TEST_CASE("mechanisms: parameters decoded, withheld, NULL, unknown") {
  const auto init = [](const body& mechanism) {
    return render_call("C_SignInit", body().words({1, 1, 2}).text(mechanism.str())).text;
  };
  CHECK_THAT(init(body().mechanism_item(1, 1, 0)), Contains("pMechanism = 1 CKM_RSA_PKCS\n  [in]  hKey"));
  CHECK_THAT(init(body().mechanism_item(1, 0xd, 24,
                                        body().record_item(0, "CK_RSA_PKCS_PSS_PARAMS", body().words({0x250, 2, 32})))),
             Contains("pMechanism = 0xD CKM_RSA_PKCS_PSS, parameter of 24 bytes\n"
                      "          pParameter = CK_RSA_PKCS_PSS_PARAMS\n"
                      "            hashAlg = 0x250 CKM_SHA256\n"
                      "            mgf = 2 CKG_MGF1_SHA256\n"
                      "            sLen = 32\n"));
  CHECK_THAT(init(body().mechanism_item(1, 0x1082, 16, body().bytes_item(0, "0123456789abcdef"))),
             Contains("pParameter = 16 bytes: 3031"));
  CHECK_THAT(
      init(body().mechanism_item(1, 0x80000007, 40, {}, 4)),
      Contains(
          "0x80000007 CKM_VENDOR_DEFINED+0x7, parameter of 40 bytes\n          pParameter = 40 bytes, not recorded\n"));
  CHECK_THAT(init(body().mechanism_item(1, 0x1082, 16)), Contains("pParameter = NULL, with a length of 16 bytes\n"));
}

TEST_CASE("after the call only a parameter that was written is shown again") {
  const auto generate = [](const body& parameter) {
    return render_result("C_GenerateKey", body().words({1, 1, 0, 0, 1}).mechanism_item(1, 0x1080, 0),
                         body().put(u64{0}).mechanism_item(1, 0x1080, 16, parameter).number_item(4, 2));
  };
  CHECK_THAT(generate({}).text, !Contains("[out] pMechanism"));
  CHECK_THAT(generate(body().number_item(0, 5)).text,
             Contains("[out] pMechanism = 0x1080 CKM_AES_KEY_GEN, parameter of 16 bytes\n          pParameter = 5\n"));
}

TEST_CASE("flags: names, and the bits that have none") {
  const auto open = [](u64 flags) { return render_call("C_OpenSession", body().words({1, flags, 0, 0, 1})); };
  CHECK_THAT(open(0x86).text, Contains("flags = 0x86 CKF_RW_SESSION | CKF_SERIAL_SESSION | 0x80\n"));
  CHECK_THAT(open(0x80).text, Contains("flags = 0x80\n"));
  CHECK_THAT(open(0).text, Contains("flags = 0\n"));
  CHECK_THAT(open(0x86).json,
             Contains(R"("flags":{"value":134,"flags":["CKF_RW_SESSION","CKF_SERIAL_SESSION"],"unnamed":128})"));
}

TEST_CASE("handles beyond 2^53 survive JSON") {
  const auto r = render_call("C_CloseSession", body().words({0xfedcba9876543210}));
  CHECK_THAT(r.text, Contains("hSession = 0xFEDCBA9876543210\n"));
  CHECK_THAT(r.json, Contains(R"("hSession":{"value":"18364758544493064720","handle":"session"})"));
}

TEST_CASE("long lists are wrapped, constants stand one a line") {
  body numbers;
  for (u64 i = 0; i < 100; ++i) numbers.put(0x100000 + i);
  const auto r = render_result("C_FindObjects", body().words({1, 1, 100, 1}),
                               body().put(u64{0}).item(1, 3, numbers.str()).number_item(3, 100));
  CHECK_THAT(r.text, Contains("[out] phObject = 100 values\n          0x100000, 0x100001"));
  std::istringstream lines(r.text);
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 112);
}

TEST_CASE("damaged records are shown as far as they go") {
  const auto is_said = Contains("(damaged on the tape)");
  CHECK_THAT(render_call("C_Login", body().words({1, 1})).text, is_said);
  CHECK_THAT(render_call("C_Login", body().words({1, 1, 1, 8}).text("12345")).text, is_said);
  CHECK_THAT(render_call("C_Login", body().words({1, 1, 1, 8}).put(u16{2}).put(u8{1}).put(u8{0}).put(u32{999})).text,
             is_said);
  CHECK_THAT(render_result("C_GetInfo", body().words({1}), body().put(u64{0}).number_item(77, 1)).text, is_said);
  CHECK_THAT(render_result("C_GetInfo", body().words({1}),
                           body().put(u64{0}).item(0, 4, body().put(u32{9999}).put(u32{0}).str()))
                 .text,
             is_said);
  CHECK_THAT(
      render_call("C_FindObjectsInit", body().words({1, 1, 1}).item(1, 6, "not a template, by far too short")).text,
      is_said);
}

TEST_CASE("items of a newer version are shown raw") {
  CHECK_THAT(render_call("C_Login", body().words({1, 1, 1, 8}).item(2, 99, "new")).text,
             Contains("pPin = 3 bytes: 6e6577\n"));
}

TEST_CASE("a decoder's words take the place of bytes, its trouble stands beside them") {
  static const render::options how{[](std::uint64_t type, decode::bytes value) {
    decode::meaning m;
    if (type == 0x101) m.text = "CN=Example";
    if (type == 0x81) m.trouble = "no Name";
    if (type == 0x101) m.facts = {{"parts", std::to_string(value.size())}};
    return m;
  }};
  const auto enter =
      body().words({1, 1, 2}).template_item(1, body().attribute_bytes(0x101, "der").attribute_bytes(0x81, "xy"));
  render::call_view v;
  v.rows = &tape::schema::built_in();
  v.function_number = function_number("C_FindObjectsInit");
  v.enter = std::as_bytes(std::span(enter.str()));
  rendered r;
  render::append_text(v, how, r.text);
  render::append_json(v, how, r.json);
  CHECK_THAT(r.text, Contains("CKA_SUBJECT = CN=Example\n"));
  CHECK_THAT(r.text, Contains("CKA_ISSUER = 2 bytes: 7879 (no Name)\n"));
  CHECK_THAT(r.json, Contains(R"("type":257,"text":"CN=Example","facts":{"parts":"3"},"hex":"646572","length":3})"));
}

TEST_CASE("calls without an end say why, as far as it is known") {
  render::call_view v;
  v.rows = &tape::schema::built_in();
  v.function_number = function_number("C_GetInfo");
  const auto ending = [&](tape::call_state state, bool stopped = false) {
    v.state = state;
    v.recording_stopped = stopped;
    std::string text;
    render::append_text(v, {}, text);
    return text.substr(text.find("Returned:"));
  };
  CHECK(ending(tape::call_state::in_flight) == "Returned: nothing: the call was still running when the tape ended\n\n");
  CHECK_THAT(ending(tape::call_state::in_flight, true), Contains("recording stopped"));
  CHECK_THAT(ending(tape::call_state::left), Contains("left the call"));
  CHECK_THAT(ending(tape::call_state::result_lost), Contains("unknown: this part"));
  v.state = tape::call_state::result_only;
  v.leave = {};
  std::string text;
  render::append_text(v, {}, text);
  CHECK_THAT(text, Contains("its start is not on the tape"));
}
