// SPDX-License-Identifier: Apache-2.0
// The redaction classes: every row has one that fits, the page about them is fresh, and no profile gives a secret away.
#include "cryptoki/redaction.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <sstream>
#include <string>

#include "cryptoki/tables.hpp"
#include "header_text.hpp"
#include "redaction_reasons.hpp"
#include "redaction_text.hpp"

namespace {

using namespace p11tape;
using namespace p11tape::cryptoki;

TEST_CASE("REDACTION.md is what the rows say", "[cryptoki][redaction]") {
  // Line by line: the first line that differs says more than two pages side by side.
  std::istringstream page{test::read_text(P11TAPE_REDACTION_PAGE)}, wanted{test::redaction_text()};
  INFO("src/cryptoki/REDACTION.md is stale. Refresh it: build/bin/redaction-list > src/cryptoki/REDACTION.md");
  for (int number = 1;; ++number) {
    std::string have, want;
    const bool more = !std::getline(wanted, want).fail();
    REQUIRE(!std::getline(page, have).fail() == more);
    if (!more) break;
    INFO("line " << number);
    REQUIRE(have == want);
  }
}

TEST_CASE("every class has one reason, and every row of the table a profile for it", "[cryptoki][redaction]") {
  std::set<redaction_class> explained;
  for (const auto& r : test::redaction_reasons) {
    INFO(name_of(r.of));
    CHECK(explained.insert(r.of).second);
    CHECK_FALSE(r.holds.empty());
    CHECK_FALSE(r.why.empty());
    redaction_class again{};
    REQUIRE(parse_secrecy(name_of(r.of), again));
    CHECK(again == r.of);
  }
  for (const auto& r : redactions) CHECK(explained.contains(r.of));
  CHECK(explained.size() == std::size(redactions));
}

TEST_CASE("no profile records a secret class whole", "[cryptoki][redaction]") {
  const redaction_class never[] = {
      redaction_class::pin,         redaction_class::password, redaction_class::key,       redaction_class::random,
      redaction_class::state,       redaction_class::plain,    redaction_class::plain_out, redaction_class::by_otp_type,
      redaction_class::by_prf_type, redaction_class::wrapped};
  for (std::size_t profile = 0; profile < profile_count; ++profile) {
    for (const auto s : never) {
      INFO(name_of(s) << " in profile " << profile);
      CHECK(treat(profile, s) != treatment::whole);
      CHECK(treat(profile, s) != treatment::by_certificate);
    }
    CHECK(treat(profile, redaction_class::value) == treatment::by_certificate);
    CHECK(treat(profile, redaction_class::opaque) == treatment::withhold);
  }
  CHECK(treat(1, redaction_class::pin) == treatment::withhold);
  CHECK(treat(1, redaction_class::password) == treatment::withhold);
}

TEST_CASE("strict never records more than default, nor default more than payload", "[cryptoki][redaction]") {
  const auto rank = [](treatment t) {
    switch (t) {
      case treatment::withhold:
        return 0;
      case treatment::rounded_length:
        return 1;
      case treatment::length:
        return 2;
      case treatment::pin_facts:
        return 3;
      case treatment::by_certificate:
        return 3;
      case treatment::whole:
        return 4;
    }
    return 5;
  };
  for (const auto& r : redactions) {
    INFO(name_of(r.of));
    CHECK(rank(r.in[1]) <= rank(r.in[0]));
    CHECK(rank(r.in[0]) <= rank(r.in[2]));
  }
}

// ---- Names that betray a secret: a second opinion on the classes of the rows ----

bool contains_any(std::string_view name, std::initializer_list<const char*> parts) {
  for (const auto* p : parts)
    if (name.find(p) != std::string_view::npos) return true;
  return false;
}

void second_opinion(std::string_view where, const field& f) {
  INFO(where << "." << f.name << " is " << name_of(f.secret));
  if (!is_pointer(f.kind) && f.fixed == 0) return;  // a number
  if (f.kind == shape::numbers) return;
  if (contains_any(f.name, {"Pin", "PIN"})) CHECK(f.secret == redaction_class::pin);
  if (contains_any(f.name, {"Password"})) CHECK(f.secret == redaction_class::password);
  if (contains_any(f.name, {"Random", "Seed"}) && f.kind == shape::bytes &&
      !contains_any(f.name, {"ClientRandom", "ServerRandom"}))  // sent in the clear
    CHECK(f.secret == redaction_class::random);
  if (contains_any(f.name, {"Wrapped"}))
    CHECK((f.secret == redaction_class::wrapped || f.secret == redaction_class::key));
  if (contains_any(f.name, {"OperationState"})) CHECK(f.secret == redaction_class::state);
  if (contains_any(f.name, {"Plaintext"}))
    CHECK(f.secret == (f.way == flow::in ? redaction_class::plain : redaction_class::plain_out));
  // Output buffers of functions hold results; results are never taken for parameters or public.
  if (where.starts_with("C_") && f.kind == shape::bytes && f.way == flow::out)
    CHECK((f.secret != redaction_class::open && f.secret != redaction_class::parameter &&
           f.secret != redaction_class::identity));
}

TEST_CASE("arguments and fields whose names betray a secret are in a secret class", "[cryptoki][redaction]") {
  for (const auto& f : functions)
    for (const auto& a : f.arguments) second_opinion(f.name, a);
  for (const auto& r : records)
    for (const auto& f : r.fields) second_opinion(r.name, f);
}

TEST_CASE("all PIN arguments of the API", "[cryptoki][redaction]") {
  std::set<std::string> pins;
  for (const auto& f : functions)
    for (const auto& a : f.arguments)
      if (a.secret == redaction_class::pin) pins.insert(std::string{f.name} + "." + std::string{a.name});
  CHECK(pins == std::set<std::string>{"C_InitPIN.pPin", "C_InitToken.pPin", "C_Login.pPin", "C_LoginUser.pPin",
                                      "C_SetPIN.pNewPin", "C_SetPIN.pOldPin"});
}

TEST_CASE("inputs of key derivations that may be secret are key material", "[cryptoki][redaction]") {
  const struct {
    const char *record, *field;
    redaction_class wanted;
  } places[] = {
      {"CK_ECDH1_DERIVE_PARAMS", "pSharedData", redaction_class::key},
      {"CK_ECDH2_DERIVE_PARAMS", "pSharedData", redaction_class::key},
      {"CK_ECMQV_DERIVE_PARAMS", "pSharedData", redaction_class::key},
      {"CK_ECDH_AES_KEY_WRAP_PARAMS", "pSharedData", redaction_class::key},
      {"CK_X9_42_DH1_DERIVE_PARAMS", "pOtherInfo", redaction_class::key},
      {"CK_X9_42_DH2_DERIVE_PARAMS", "pOtherInfo", redaction_class::key},
      {"CK_X9_42_MQV_DERIVE_PARAMS", "pOtherInfo", redaction_class::key},
      {"CK_HKDF_PARAMS", "pSalt", redaction_class::key},
      {"CK_PBE_PARAMS", "pInitVector", redaction_class::key},
      {"CK_KEY_DERIVATION_STRING_DATA", "pData", redaction_class::key},
      {"CK_TLS_PRF_PARAMS", "pOutput", redaction_class::key},
      {"CK_IKE_PRF_DERIVE_PARAMS", "pNi", redaction_class::random},
      {"CK_IKE_PRF_DERIVE_PARAMS", "pNr", redaction_class::random},
      {"CK_SP800_108_FEEDBACK_KDF_PARAMS", "pIV", redaction_class::key},
      {"CK_X2RATCHET_INITIALIZE_PARAMS", "sk", redaction_class::opaque},
      {"CK_ASYNC_DATA", "pValue", redaction_class::key},
  };
  for (const auto& p : places) {
    INFO(p.record << "." << p.field);
    const auto at = record_named(p.record);
    REQUIRE(at < record_count);
    bool found = false;
    for (const auto& f : records[at].fields)
      if (f.name == p.field) {
        found = true;
        CHECK(f.secret == p.wanted);
      }
    CHECK(found);
  }
}

TEST_CASE("the private components of keys are key material", "[cryptoki][redaction]") {
  for (const auto type :
       {CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT, CKA_SEED,
        CKA_OTP_COUNTER, CKA_OTP_TIME, CKA_X2RATCHET_RK, CKA_X2RATCHET_BAG, CKA_X2RATCHET_CKR, CKA_X2RATCHET_CKS,
        CKA_X2RATCHET_DHS, CKA_X2RATCHET_HKR, CKA_X2RATCHET_HKS, CKA_X2RATCHET_NHKR, CKA_X2RATCHET_NHKS}) {
    const auto* row = find_attribute(type);
    REQUIRE(row);
    INFO(row->name);
    CHECK(row->secret == redaction_class::key);
  }
  CHECK(find_attribute(CKA_VALUE)->secret == redaction_class::value);
}

}  // namespace
