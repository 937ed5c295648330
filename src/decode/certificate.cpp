// SPDX-License-Identifier: Apache-2.0
// X.509 certificates, parsed by libcrypto; names and keys are then told by our own decoders.
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdio>
#include <ctime>
#include <limits>
#include <memory>

#include "decode/decode.hpp"
#include "text/safe.hpp"

namespace p11tape::decode {
namespace {

struct free_certificate {
  void operator()(X509* c) const noexcept { X509_free(c); }
};
struct free_bytes {
  void operator()(unsigned char* p) const noexcept { OPENSSL_free(p); }
};

/// What one of libcrypto's i2d functions writes; nothing where it fails.
template <class Write>
std::vector<std::uint8_t> encode(Write write) {
  unsigned char* raw = nullptr;
  const int size = write(&raw);
  const std::unique_ptr<unsigned char, free_bytes> owner{raw};
  return size > 0 ? std::vector<std::uint8_t>{raw, raw + size} : std::vector<std::uint8_t>{};
}

/// "2031-12-31T23:59:59Z", or "no time" for what is none. "99991231235959Z" is RFC 5280's "no well-defined end".
std::string time_of(const ASN1_TIME* t) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(t, &parts) != 1) return "not a time";
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", parts.tm_year + 1900, parts.tm_mon + 1,
                parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return text;
}

std::string text_or_trouble(const meaning& m) { return m ? m.text : "(" + m.trouble + ")"; }

}  // namespace

meaning certificate(bytes der) {
  const auto fail = [] {
    ERR_clear_error();
    return meaning{{}, {}, "not an X.509 certificate"};
  };
  if (der.empty() || der.size() > static_cast<std::size_t>(std::numeric_limits<long>::max())) return fail();
  const unsigned char* at = der.data();
  const std::unique_ptr<X509, free_certificate> x{d2i_X509(nullptr, &at, static_cast<long>(der.size()))};
  if (!x || at != der.data() + der.size()) return fail();

  std::uint8_t sum[EVP_MAX_MD_SIZE];
  unsigned int sum_size = 0;
  if (EVP_Digest(der.data(), der.size(), sum, &sum_size, EVP_sha256(), nullptr) != 1) return fail();

  const auto subject_name =
      encode([&](unsigned char** out) { return i2d_X509_NAME(X509_get_subject_name(x.get()), out); });
  const auto issuer_name =
      encode([&](unsigned char** out) { return i2d_X509_NAME(X509_get_issuer_name(x.get()), out); });
  const auto serial_der =
      encode([&](unsigned char** out) { return i2d_ASN1_INTEGER(X509_get0_serialNumber(x.get()), out); });
  const auto key_info =
      encode([&](unsigned char** out) { return i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x.get()), out); });

  const auto subject = text_or_trouble(name(subject_name));
  const auto issuer = text_or_trouble(name(issuer_name));
  const auto number = integer(serial_der);
  const auto serial = number && !number.facts.empty() ? "0x" + number.facts[0].text : text_or_trouble(number);
  const auto from = time_of(X509_get0_notBefore(x.get()));
  const auto until = time_of(X509_get0_notAfter(x.get()));
  const auto key = text_or_trouble(public_key(key_info));
  const auto sha256 = text::hex({sum, sum_size});

  meaning out;
  out.text = "subject " + subject + "; issuer " + issuer + "; serial " + serial + "; valid " + from + " to " + until +
             "; key " + key + "; SHA-256 " + sha256;
  out.facts = {{"subject", subject}, {"issuer", issuer}, {"serial", serial}, {"not_before", from},
               {"not_after", until}, {"key", key},       {"sha256", sha256}};
  return out;
}

}  // namespace p11tape::decode
