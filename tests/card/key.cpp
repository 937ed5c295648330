// SPDX-License-Identifier: Apache-2.0
// The cards' keys. Made when first needed: most tests log in and never sign.
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "card.hpp"

namespace p11tape::virtual_card {

rsa_key::~rsa_key() { EVP_PKEY_free(static_cast<EVP_PKEY*>(key_)); }

void rsa_key::make() {
  if (key_ != nullptr) return;
  constexpr long ten_years = 10L * 365 * 86400;
  auto* const key = EVP_RSA_gen(2048);
  auto* const certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), ten_years);
  auto* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name_), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_set_pubkey(certificate, key);
  X509_sign(certificate, key, EVP_sha256());
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  certificate_.assign(der, der + size);
  OPENSSL_free(der);
  X509_free(certificate);
  key_ = key;
}

const bytes& rsa_key::certificate() {
  make();
  return certificate_;
}

bool rsa_key::apply(const bytes& block, bytes& out) {
  make();
  out.resize(256);
  std::size_t size = out.size();
  auto* const context = EVP_PKEY_CTX_new(static_cast<EVP_PKEY*>(key_), nullptr);
  const bool done = block.size() == out.size() && EVP_PKEY_decrypt_init(context) > 0 &&
                    EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) > 0 &&
                    EVP_PKEY_decrypt(context, out.data(), &size, block.data(), block.size()) > 0;
  EVP_PKEY_CTX_free(context);
  return done;
}

}  // namespace p11tape::virtual_card
