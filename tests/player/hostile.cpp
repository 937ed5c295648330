// SPDX-License-Identifier: Apache-2.0
// Tapes that are cut, changed and made up: the client gets codes, never a crash.
#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <random>

#include "../fuzz/mutate.hpp"
#include "arrange.hpp"
#include "rig.hpp"

using namespace p11tape;
using cryptoki::function;
using test::playing;

namespace {

CK_UTF8CHAR* text(const char* s) { return reinterpret_cast<CK_UTF8CHAR*>(const_cast<char*>(s)); }

void a_client(CK_FUNCTION_LIST& p) {
  CK_SLOT_ID slots[4];
  CK_ULONG count = 4;
  CK_SESSION_HANDLE s = 0;
  CK_SESSION_INFO session;
  CK_TOKEN_INFO token;
  CK_MECHANISM_TYPE mechanisms[200];
  CK_ULONG many = 200;
  p.C_Initialize(nullptr);
  p.C_GetSlotList(CK_TRUE, slots, &count);
  p.C_GetTokenInfo(slots[0], &token);
  p.C_GetMechanismList(slots[0], mechanisms, &many);
  p.C_OpenSession(slots[0], CKF_SERIAL_SESSION, nullptr, nullptr, &s);
  p.C_GetSessionInfo(s, &session);
  p.C_Login(s, CKU_USER, text(test::user_pin), sizeof test::user_pin - 1);
  CK_OBJECT_HANDLE found[10] = {};
  CK_OBJECT_CLASS kind = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &kind, sizeof kind}};
  CK_BYTE out[512];
  CK_ATTRIBUTE asked[] = {{CKA_MODULUS, out, sizeof out}, {CKA_PRIVATE_EXPONENT, out, sizeof out}};
  p.C_FindObjectsInit(s, wanted, 1);
  p.C_FindObjects(s, found, 10, &count);
  p.C_FindObjectsFinal(s);
  p.C_GetAttributeValue(s, found[0], asked, 2);
  CK_MECHANISM m{CKM_SHA256_RSA_PKCS, nullptr, 0};
  CK_ULONG size = sizeof out;
  p.C_SignInit(s, &m, found[0]);
  p.C_Sign(s, out, 100, out, &size);
  p.C_GenerateRandom(s, out, 100);
}

std::string contents() {
  static const auto tape = test::record("payload", a_client);
  std::ifstream in(tape, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The recorded client, and then every function with arguments of any kind.
CK_RV use(const std::string& tape, std::uint64_t seed) {
  const auto path = test::folder() / "hostile.p11tape";
  std::ofstream(path, std::ios::binary) << tape;
  playing p(path);
  CK_SLOT_ID slots[4] = {};
  CK_ULONG count = 4;
  CK_SESSION_HANDLE s = 0;
  const CK_RV begun = p(function::C_Initialize, nullptr);
  p(function::C_GetSlotList, CK_TRUE, slots, &count);
  p(function::C_OpenSession, slots[0], CKF_SERIAL_SESSION, nullptr, nullptr, &s);
  p(function::C_Login, s, CKU_USER, test::user_pin, sizeof test::user_pin - 1);
  CK_OBJECT_HANDLE found[10] = {};
  CK_OBJECT_CLASS kind = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &kind, sizeof kind}};
  CK_BYTE out[512];
  CK_ATTRIBUTE asked[] = {{CKA_MODULUS, out, sizeof out}, {CKA_PRIVATE_EXPONENT, out, sizeof out}};
  p(function::C_FindObjectsInit, s, wanted, 1);
  p(function::C_FindObjects, s, found, 10, &count);
  p(function::C_FindObjectsFinal, s);
  p(function::C_GetAttributeValue, s, found[0], asked, 2);
  CK_MECHANISM m{CKM_SHA256_RSA_PKCS, nullptr, 0};
  CK_ULONG size = sizeof out;
  p(function::C_SignInit, s, &m, found[0]);
  p(function::C_Sign, s, out, 100, out, &size);
  p(function::C_GenerateRandom, s, out, 100);

  test::arranger a(seed);
  for (std::size_t i = 0; i < cryptoki::function_count; ++i) {
    const auto f = static_cast<function>(i);
    if (f == function::C_Finalize) continue;
    auto words = a.arguments(f);
    const auto row = cryptoki::row(f).arguments;
    for (std::size_t k = 0; k < row.size(); ++k) {
      if (row[k].kind != cryptoki::shape::number) continue;
      if (row[k].meaning == "session") words[k] = s;
      if (row[k].meaning == "object") words[k] = found[0];
      if (row[k].meaning == "slot") words[k] = slots[0];
    }
    p.call(f, words);
  }
  p(function::C_Finalize, nullptr);
  return begun;
}

}  // namespace

TEST_CASE("a tape that is cut anywhere is answered up to the damage") {
  const auto whole = contents();
  REQUIRE(use(whole, 1) == CKR_OK);
  std::mt19937_64 random(7);
  CHECK(use("", 1) == CKR_GENERAL_ERROR);
  CHECK(use(whole.substr(0, 100), 1) == CKR_GENERAL_ERROR);
  for (int i = 0; i < 60; ++i) {
    const auto cut = random() % whole.size();
    INFO("cut at " << cut);
    const CK_RV value = use(whole.substr(0, cut), random());
    CHECK((value == CKR_OK || value == CKR_GENERAL_ERROR));
  }
}

TEST_CASE("a tape with changed bytes does no harm") {
  const auto whole = contents();
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    auto changed = whole;
    fuzz::mutate(changed, random);
    INFO("seed " << seed);
    use(changed, seed);
  }
  SUCCEED();
}
