// SPDX-License-Identifier: Apache-2.0
// What CKA_VALUE has to look like to be taken for a certificate.
#include <catch2/catch.hpp>
#include <string>

#include "capture/encode/secrets.hpp"

using namespace p11tape;

namespace {

std::string element(char tag, const std::string& content) {
  std::string out(1, tag);
  if (content.size() < 128) return out + static_cast<char>(content.size()) + content;
  return out + '\x82' + static_cast<char>(content.size() >> 8) + static_cast<char>(content.size()) + content;
}
std::string sequence(const std::string& content) { return element(0x30, content); }

bool is_signed(const std::string& bytes, bool cut = false) {
  return capture::looks_signed(reinterpret_cast<const tape::u8*>(bytes.data()), bytes.size(), cut);
}

const std::string one = element(0x02, "\x01"), algorithm = sequence(element(0x06, "1234567"));
const std::string octets = element(0x04, std::string(200, 'k')), bits = element(0x03, std::string(300, 's'));

}  // namespace

TEST_CASE("what is signed is content, algorithm and bits, and nothing else") {
  const auto attribute_certificate = sequence(sequence(one + sequence("holder") + algorithm) + algorithm + bits);
  CHECK(is_signed(attribute_certificate));
  CHECK_FALSE(is_signed(attribute_certificate + "x"));
  CHECK_FALSE(is_signed(attribute_certificate.substr(0, attribute_certificate.size() - 1)));
  CHECK_FALSE(is_signed(sequence(sequence(one) + algorithm + bits + one)));
  CHECK_FALSE(is_signed(""));
  CHECK_FALSE(is_signed("-----BEGIN PRIVATE KEY-----"));
}

TEST_CASE("keys are not signed, in whatever structure they are") {
  const std::string keys[] = {
      sequence(one + algorithm + octets),                                         // PKCS #8
      sequence(one + element(0x02, std::string(200, 'n')) + one + one),           // RSA, as PKCS #1 has it
      sequence(one + octets + element('\xa0', "curve") + element('\xa1', bits)),  // elliptic curve
      sequence(algorithm + octets),                                               // encrypted PKCS #8
      sequence(element(0x02, "\x03") + sequence(octets) + sequence(algorithm)),   // PKCS #12
  };
  for (const auto& key : keys) CHECK_FALSE(is_signed(key));
}

TEST_CASE("of the beginning of a value no more can be said than how it begins") {
  const auto certificate = sequence(sequence(one + algorithm + octets) + algorithm + bits);
  for (std::size_t size = 0; size < certificate.size(); ++size) {
    CAPTURE(size);
    CHECK(is_signed(certificate.substr(0, size), true) == (size > 4));
  }
  CHECK_FALSE(is_signed(sequence(one + algorithm + octets).substr(0, 20), true));
}
