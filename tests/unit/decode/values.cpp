// SPDX-License-Identifier: Apache-2.0
// Decoders of names, numbers, keys, dates and certificates.
#include <catch2/catch.hpp>

#include "cryptoki/pkcs11.hpp"
#include "decode/decode.hpp"
#include "decode/der.hpp"
#include "samples.hpp"

namespace {

using namespace p11tape;
using namespace p11tape::decode;
using test::der;
using test::raw;
using test::unhex;
using test::operator+;

std::string fact_of(const meaning& m, std::string_view name) {
  for (const auto& f : m.facts)
    if (f.name == name) return f.text;
  return "(no fact)";
}

test::buffer pair(const char* oid, std::uint8_t tag, const test::buffer& value) {
  return der(0x30, der(6, unhex(oid)) + der(tag, value));
}
test::buffer relative(const char* oid, std::uint8_t tag, const test::buffer& value) {
  return der(0x31, pair(oid, tag, value));
}
constexpr const char *cn = "550403", *o = "55040a", *c = "550406", *uid = "09 92 26 89 93 f2 2c 64 01 01";

TEST_CASE("names", "[decode][name]") {
  CHECK(name(der(0x30, {})).text == "(empty)");
  const auto simple = der(
      0x30, relative(c, 0x13, raw("DE")) + relative(o, 0x0c, raw("Beispiel, GmbH")) + relative(cn, 0x0c, raw("qm1")));
  const auto m = name(simple);
  CHECK(m.text == "CN=qm1,O=Beispiel\\, GmbH,C=DE");
  CHECK(fact_of(m, "O") == "Beispiel\\, GmbH");

  // The escapes of RFC 4514, section 2.4.
  CHECK(name(der(0x30, relative(cn, 0x0c, raw("# a\"+,;<>\\ ")))).text == "CN=\\# a\\\"\\+\\,\\;\\<\\>\\\\\\ ");
  CHECK(name(der(0x30, relative(cn, 0x0c, raw(" ")))).text == "CN=\\ ");
  CHECK(name(der(0x30, relative(cn, 0x0c, raw("Köln")))).text == "CN=Köln");
  // What would mislead the reader of a terminal or a log.
  CHECK(name(der(0x30, relative(cn, 0x0c, raw("a\x1b[2Jb\n")))).text == "CN=a\\1b[2Jb\\0a");
  CHECK(name(der(0x30, relative(cn, 0x0c, raw("a\xe2\x80\xaeMOC")))).text == "CN=a\\e2\\80\\aeMOC");
  CHECK(name(der(0x30, relative(cn, 0x0c, test::buffer{'a', 0, 'b'}))).text == "CN=a\\00b");
  // Strings of other kinds.
  CHECK(name(der(0x30, relative(cn, 0x1e, unhex("00470072 00f6 00df 0065")))).text == "CN=Größe");
  CHECK(name(der(0x30, relative(cn, 0x1e, unhex("d83ddd11")))).text == "CN=🔑");
  CHECK(name(der(0x30, relative(cn, 0x1c, unhex("0001f511")))).text == "CN=🔑");
  CHECK(name(der(0x30, relative(cn, 0x14, unhex("4bf66c6e")))).text == "CN=Köln");
  // What is no text is shown as its encoding.
  CHECK(name(der(0x30, relative(cn, 0x0c, unhex("ff41")))).text == "CN=#0c02ff41");
  CHECK(name(der(0x30, relative(cn, 0x1e, unhex("41")))).text == "CN=#1e0141");
  CHECK(name(der(0x30, relative("2a0304", 0x0c, raw("x")))).text == "1.2.3.4=#0c0178");
  // Several values in one part.
  const auto multi = der(0x31, pair(cn, 0x0c, raw("qm1")) + pair(uid, 0x0c, raw("7")));
  CHECK(name(der(0x30, multi)).text == "CN=qm1+UID=7");
}

TEST_CASE("what is no name", "[decode][name]") {
  for (const auto& bad : {test::buffer{}, unhex("30"), unhex("3001"), unhex("3080"), unhex("3100"), raw("CN=qm1"),
                          unhex("3002 3100"), unhex("3005 3103 300106"), der(0x30, {}) + unhex("00"),
                          der(0x30, relative(cn, 0x0c, raw("a")) + unhex("05"))}) {
    const auto m = name(bad);
    CHECK_FALSE(m);
    CHECK(m.text == "");
    CHECK(m.trouble != "");
  }
}

TEST_CASE("integers", "[decode][integer]") {
  CHECK(integer(unhex("020100")).text == "0");
  CHECK(integer(unhex("020107")).text == "7");
  CHECK(integer(unhex("02021234")).text == "4660 (0x1234)");
  CHECK(integer(unhex("020900ffffffffffffffff")).text == "18446744073709551615 (0xffffffffffffffff)");
  CHECK(integer(unhex("0209 01 0000000000000000")).text == "0x010000000000000000");
  CHECK(integer(unhex("0201ff")).text == "negative, two's complement 0xff");
  CHECK(fact_of(integer(unhex("02021234")), "hex") == "1234");
  for (const auto* bad : {"", "0200", "02", "0202", "020212", "03021234", "0202123456", "1234"})
    CHECK_FALSE(integer(unhex(bad)));
}

TEST_CASE("big integers", "[decode][big]") {
  CHECK(big(unhex("010001")).text == "65537 (0x10001)");
  CHECK(big(unhex("00")).text == "0");
  CHECK(fact_of(big(unhex("00010001")), "bits") == "17");
  CHECK(big(unhex("00 8000000000000000 01")).text == "72 bits, 0x800000000000000001");
  const auto modulus = big(test::buffer(256, 0xc5));
  CHECK(modulus.text ==
        "2048 bits, 0x" + std::string{"c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5…c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5"});
  CHECK(fact_of(modulus, "hex").size() == 512);
  CHECK_FALSE(big({}));
}

TEST_CASE("object identifiers", "[decode][oid]") {
  CHECK(oid(unhex("06082a8648ce3d030107")).text == "secp256r1 (1.2.840.10045.3.1.7)");
  CHECK(oid(unhex("06032a0304")).text == "1.2.3.4");
  CHECK(oid(unhex("0601 50")).text == "2.0");
  CHECK(oid(unhex("0602 8837")).text == "2.999");
  CHECK(oid(unhex("060b2a 81ffffffffffffffff7f")).text == "1.2.18446744073709551615");
  for (const auto* bad : {"", "0600", "060180", "06028001", "06022a80", "060b2a83ffffffffffffffff7f", "30022a03"}) {
    INFO(bad);
    CHECK_FALSE(oid(unhex(bad)));
  }
}

TEST_CASE("EC parameters", "[decode][curve]") {
  CHECK(curve(unhex("06082a8648ce3d030107")).text == "secp256r1 (1.2.840.10045.3.1.7)");
  CHECK(curve(unhex("06052b81040022")).text == "secp384r1 (1.3.132.0.34)");
  CHECK(curve(unhex("06092b2403030208010107")).text == "brainpoolP256r1 (1.3.36.3.3.2.8.1.1.7)");
  CHECK(curve(unhex("06032b6570")).text == "Ed25519 (1.3.101.112)");
  CHECK(curve(der(0x13, raw("edwards25519"))).text == "edwards25519");
  CHECK(curve(unhex("0500")).text == "the issuer's parameters (implicitCurve)");
  const auto prime = der(0x30, der(6, unhex("2a8648ce3d0101")) + der(2, test::buffer{0} + test::buffer(32, 0xff)));
  CHECK(curve(der(0x30, unhex("020101") + prime)).text == "explicit parameters, 256-bit prime field");
  CHECK(curve(unhex("3000")).text == "explicit parameters");
  for (const auto* bad : {"", "06", "0608", "2a8648ce3d030107", "050000", "0100"}) CHECK_FALSE(curve(unhex(bad)));
}

TEST_CASE("EC points", "[decode][point]") {
  const auto p256 = unhex("04") + test::buffer(64, 0x11);
  CHECK(point(der(4, p256)).text == "uncompressed, 32-byte field");
  CHECK(point(p256).text == "uncompressed, 32-byte field, without the OCTET STRING around it");
  CHECK(point(der(4, unhex("04") + test::buffer(132, 0x11))).text == "uncompressed, 66-byte field");
  CHECK(point(der(4, unhex("03") + test::buffer(48, 0x11))).text == "compressed, 48-byte field");
  CHECK(point(der(4, test::buffer(32, 0x11))).text == "32 bytes, of an Edwards or Montgomery curve");
  CHECK(point(test::buffer(32, 0x11)).text ==
        "32 bytes, of an Edwards or Montgomery curve, without the OCTET STRING around it");
  CHECK(point(der(3, unhex("00") + test::buffer(32, 0x11))).text ==
        "32 bytes, of an Edwards or Montgomery curve, in a BIT STRING");
  CHECK(point(der(4, test::buffer(57, 0x81))).text == "57 bytes, of an Edwards curve");
  CHECK(point(unhex("040100")).text == "the point at infinity");
  for (const auto* bad : {"", "05", "0401", "990102"}) CHECK_FALSE(point(unhex(bad)));
}

TEST_CASE("dates", "[decode][date]") {
  CHECK(date(raw("20280229")).text == "2028-02-29");
  CHECK(date(raw("99991231")).text == "9999-12-31");
  CHECK(date({}).text == "none");
  for (const auto* bad :
       {"20270229", "20281301", "20280100", "20280132", "2028022", "202802290", "2028 229", "        ", "+0280229"})
    CHECK_FALSE(date(raw(bad)));
  CHECK_FALSE(date(test::buffer(8, 0)));
}

TEST_CASE("certificates", "[decode][certificate]") {
  const auto m = certificate(unhex(test::ec_certificate));
  REQUIRE(m);
  CHECK(fact_of(m, "subject") == "O=Test,CN=Prüfstelle Köln");
  CHECK(fact_of(m, "issuer") == "O=Test,CN=Prüfstelle Köln");
  CHECK(fact_of(m, "serial") == "0x7a00000000000000000000000000000000000001");
  CHECK(fact_of(m, "not_before") == "2026-11-21T18:47:25Z");
  CHECK(fact_of(m, "not_after") == "2126-10-28T18:47:25Z");
  CHECK(fact_of(m, "key") == "EC secp256r1");
  CHECK(fact_of(m, "sha256") == "95f59c62f55850384ccef50bc4f5a6ba0b5499451eae5a9d197c7c3e3800a1fb");
  CHECK(m.text.starts_with("subject O=Test,CN=Prüfstelle Köln; issuer "));

  const auto rsa = certificate(unhex(test::rsa_certificate));
  REQUIRE(rsa);
  CHECK(fact_of(rsa, "subject") == "CN=qm1+UID=7,O=Beispiel\\, GmbH,C=DE");
  CHECK(fact_of(rsa, "serial") == "0x1234");
  CHECK(fact_of(rsa, "key") == "RSA 1024 bits");
}

TEST_CASE("a certificate cut anywhere, or with a byte too many, is none", "[decode][certificate][hostile]") {
  const auto whole = unhex(test::ec_certificate);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    INFO(n);
    CHECK_FALSE(certificate(bytes{whole}.first(n)));
  }
  CHECK_FALSE(certificate(whole + unhex("00")));
}

TEST_CASE("no decoder is harmed by changed bytes", "[decode][hostile]") {
  // Each byte of the samples takes each value; under the sanitizers this finds reads beyond the end.
  using decoder = meaning (*)(bytes);
  const decoder all[] = {name, certificate, integer, oid, curve, point, public_key, date, big, text};
  const test::buffer samples[] = {
      der(0x30, relative(cn, 0x0c, raw("ab")) + relative(o, 0x1e, unhex("00410042"))),
      unhex("06082a8648ce3d030107"),
      unhex("02021234"),
      der(4, unhex("04") + test::buffer(64, 0x11)),
      der(0x30, der(0x30, der(6, unhex("2a864886f70d010101")) + unhex("0500")) +
                    der(3, unhex("00") + der(0x30, der(2, test::buffer(9, 0x55)) + unhex("0203010001")))),
  };
  for (const auto& sample : samples)
    for (std::size_t at = 0; at < sample.size(); ++at)
      for (unsigned value = 0; value < 256; ++value) {
        auto changed = sample;
        changed[at] = static_cast<std::uint8_t>(value);
        for (const auto d : all) {
          const auto m = d(changed);
          // Either it makes sense or it does not, and then the text is empty.
          if (m.text.empty() == m.trouble.empty()) FAIL("a decoder says both or nothing");
        }
      }
}

TEST_CASE("a certificate with changed bytes does no harm", "[decode][certificate][hostile]") {
  const auto whole = unhex(test::ec_certificate);
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const unsigned value : {0x00U, 0x7fU, 0x80U, 0x84U, 0xffU}) {
      auto changed = whole;
      changed[at] = static_cast<std::uint8_t>(value);
      const auto m = certificate(changed);
      if (m.text.empty() == m.trouble.empty()) FAIL("byte " << at);
    }
}

TEST_CASE("public keys", "[decode][public_key]") {
  const auto rsa = der(
      0x30, der(0x30, der(6, unhex("2a864886f70d010101")) + unhex("0500")) +
                der(3, unhex("00") + der(0x30, der(2, unhex("00") + test::buffer(256, 0xc1)) + unhex("0203010001"))));
  CHECK(public_key(rsa).text == "RSA 2048 bits");
  CHECK(fact_of(public_key(rsa), "bits") == "2048");
  const auto ed = der(0x30, der(0x30, unhex("06032b6570")) + der(3, unhex("00") + test::buffer(32, 1)));
  CHECK(public_key(ed).text == "Ed25519");
  const auto pq =
      der(0x30, der(0x30, der(6, unhex("6086480165030403 12"))) + der(3, unhex("00") + test::buffer(32, 1)));
  CHECK(public_key(pq).text == "ML-DSA-65");
  const auto named = der(0x30, der(0x30, der(6, unhex("2a8648ce3d0201")) + der(6, unhex("2b81040022"))) +
                                   der(3, unhex("00") + test::buffer(97, 4)));
  CHECK(public_key(named).text == "EC secp384r1");
  CHECK_FALSE(public_key(unhex("3000")));
  CHECK_FALSE(public_key({}));
}

TEST_CASE("attributes find their decoder", "[decode][attribute]") {
  const auto is = [](std::uint64_t type, const test::buffer& value) { return attribute(type, value).text; };
  CHECK(is(CKA_SUBJECT, der(0x30, relative(cn, 0x0c, raw("qm1")))) == "CN=qm1");
  CHECK(is(CKA_SERIAL_NUMBER, unhex("020107")) == "7");
  CHECK(is(CKA_LABEL, raw("my key")) == "\"my key\"");
  CHECK(is(CKA_START_DATE, raw("20280229")) == "2028-02-29");
  CHECK(is(CKA_START_DATE, {}) == "none");
  CHECK(is(CKA_MODULUS, test::buffer(128, 0xff)).starts_with("1024 bits, 0x"));
  CHECK(is(CKA_EC_PARAMS, unhex("06052b81040022")) == "secp384r1 (1.3.132.0.34)");
  CHECK(is(CKA_EC_POINT, der(4, unhex("04") + test::buffer(64, 1))) == "uncompressed, 32-byte field");
  CHECK(is(CKA_VALUE, unhex(test::rsa_certificate)).starts_with("subject CN=qm1+UID=7"));
  CHECK(is(CKA_VALIDATION_VERSION, unhex("0302")) == "3.2");
  CHECK(is(CKA_TOKEN, unhex("01")) == "CK_TRUE");
  CHECK(is(CKA_TOKEN, unhex("ff")) == "CK_TRUE, written as 255");

  // A length that does not fit is named; what has no decoder says nothing.
  CHECK(attribute(CKA_TOKEN, unhex("01000000")).trouble == "a CK_BBOOL has 1 byte, this one has 4");
  CHECK(attribute(CKA_CLASS, unhex("010000")).trouble == "a CK_ULONG has 4 or 8 bytes, this one has 3");
  CHECK(attribute(CKA_SERIAL_NUMBER, unhex("1234")).trouble == "not a DER INTEGER");
  for (const auto type : {std::uint64_t{CKA_ID}, std::uint64_t{CKA_VALUE}, std::uint64_t{0x80000001}}) {
    const auto m = attribute(type, unhex("010203"));
    CHECK((m.text.empty() && m.trouble.empty() && m.facts.empty()));
  }
  CHECK(attribute(CKA_LABEL, {}).text == "");
}

}  // namespace
