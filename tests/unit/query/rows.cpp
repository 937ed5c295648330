// SPDX-License-Identifier: Apache-2.0
// What rows are made of: identifiers that stay, classes of mechanisms, texts that are always valid.
#include <catch2/catch.hpp>

#include "query/asked.hpp"
#include "query/escape.hpp"
#include "query/symbols.hpp"

using namespace p11tape;
using namespace p11tape::test;

TEST_CASE("identifiers stay the same while a tape grows, and wherever it is read") {
  tape_story s;
  s.initialize().open(5, 1).login(1);
  asked_tapes before({&s});
  const auto first = before.ask("SELECT tape, id, number FROM calls");
  s.sign_init(1, CKM_RSA_PKCS, 42).sign(1);
  asked_tapes after({&s});
  const auto all = after.ask("SELECT tape, id, number FROM calls");
  CHECK(all.substr(0, first.size()) == first);
  CHECK(all.size() > first.size());
}

TEST_CASE("mechanisms and keys are classed by the words of their names") {
  using namespace query;
  CHECK(weakness_of_mechanism("CKM_SHA1_RSA_PKCS") == "SHA-1");
  CHECK(weakness_of_mechanism("CKM_SHA_1_HMAC") == "SHA-1");
  CHECK(weakness_of_mechanism("CKM_SHA256_RSA_PKCS").empty());
  CHECK(weakness_of_mechanism("CKM_DES3_CBC") == "3DES");
  CHECK(weakness_of_key("CKK_RSA", 1024) == "RSA-1024");
  CHECK(weakness_of_key("CKK_RSA", 2048).empty());
  CHECK(weakness_of_key("CKK_RSA", 0).empty());
  CHECK(quantum_safety_of_mechanism("CKM_SHA256_RSA_PKCS") == "no");
  CHECK(quantum_safety_of_mechanism("CKM_ECDSA_SHA256") == "no");
  CHECK(quantum_safety_of_mechanism("CKM_HASH_ML_DSA_SHA256") == "yes");
  CHECK(quantum_safety_of_mechanism("CKM_AES_GCM") == "yes");
  CHECK(quantum_safety_of_mechanism("CKM_TLS12_MASTER_KEY_DERIVE_DH") == "no");
  CHECK(quantum_safety_of_mechanism("CKM_CONCATENATE_BASE_AND_KEY").empty());
}

TEST_CASE("any bytes are valid JSON and CSV") {
  std::string json, csv;
  query::append_json_text("a\"b\\c\n\xff\xc3\xa4", json);
  query::append_csv_text("a,\"b\"\xff", csv);
  CHECK(json == "\"a\\\"b\\\\c\\u000a\xef\xbf\xbd\xc3\xa4\"");
  CHECK(csv == "\"a,\"\"b\"\"\xef\xbf\xbd\"");
  std::string number;
  query::append_json_number(std::uint64_t{9007199254740993}, number);
  CHECK(number == "\"9007199254740993\"");
}
