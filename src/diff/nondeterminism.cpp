// SPDX-License-Identifier: Apache-2.0
#include "diff/nondeterminism.hpp"

#include "cryptoki/pkcs11.hpp"
#include "cryptoki/tables.hpp"

namespace p11tape::diff {
namespace {

using cryptoki::redaction_class;

// Which outputs of a mechanism are random.
enum outputs : std::uint8_t {
  signatures = 1,
  ciphertexts = 2,  // of encryption and of encapsulation
  wrapped_keys = 4,
  any_length = 8,  // so is their length
};

struct mechanism_row {
  u64 type;
  std::uint8_t random;
};

// ECDSA and DSA may be made deterministic (RFC 6979), ML-DSA and SLH-DSA without hedging, PSS with an empty salt: no
// tape tells for sure, and a module may change its mind with its next version. So they count as random. OTPs follow a
// clock or a counter, stateful hash signatures a counter.
constexpr mechanism_row mechanisms[] = {
    {CKM_RSA_PKCS, ciphertexts | wrapped_keys},  // its signatures are padded with constant bytes
    {CKM_RSA_PKCS_OAEP, ciphertexts | wrapped_keys},
    {CKM_RSA_PKCS_TPM_1_1, ciphertexts | wrapped_keys},
    {CKM_RSA_PKCS_OAEP_TPM_1_1, ciphertexts | wrapped_keys},
    {CKM_RSA_PKCS_PSS, signatures},
    {CKM_SHA1_RSA_PKCS_PSS, signatures},
    {CKM_SHA224_RSA_PKCS_PSS, signatures},
    {CKM_SHA256_RSA_PKCS_PSS, signatures},
    {CKM_SHA384_RSA_PKCS_PSS, signatures},
    {CKM_SHA512_RSA_PKCS_PSS, signatures},
    {CKM_SHA3_224_RSA_PKCS_PSS, signatures},
    {CKM_SHA3_256_RSA_PKCS_PSS, signatures},
    {CKM_SHA3_384_RSA_PKCS_PSS, signatures},
    {CKM_SHA3_512_RSA_PKCS_PSS, signatures},
    {CKM_DSA, signatures},
    {CKM_DSA_SHA1, signatures},
    {CKM_DSA_SHA224, signatures},
    {CKM_DSA_SHA256, signatures},
    {CKM_DSA_SHA384, signatures},
    {CKM_DSA_SHA512, signatures},
    {CKM_DSA_SHA3_224, signatures},
    {CKM_DSA_SHA3_256, signatures},
    {CKM_DSA_SHA3_384, signatures},
    {CKM_DSA_SHA3_512, signatures},
    {CKM_ECDSA, signatures},
    {CKM_ECDSA_SHA1, signatures},
    {CKM_ECDSA_SHA224, signatures},
    {CKM_ECDSA_SHA256, signatures},
    {CKM_ECDSA_SHA384, signatures},
    {CKM_ECDSA_SHA512, signatures},
    {CKM_ECDSA_SHA3_224, signatures},
    {CKM_ECDSA_SHA3_256, signatures},
    {CKM_ECDSA_SHA3_384, signatures},
    {CKM_ECDSA_SHA3_512, signatures},
    {CKM_XEDDSA, signatures},
    {CKM_GOSTR3410, signatures},
    {CKM_GOSTR3410_WITH_GOSTR3411, signatures},
    {CKM_ML_DSA, signatures},
    {CKM_HASH_ML_DSA, signatures},
    {CKM_HASH_ML_DSA_SHA224, signatures},
    {CKM_HASH_ML_DSA_SHA256, signatures},
    {CKM_HASH_ML_DSA_SHA384, signatures},
    {CKM_HASH_ML_DSA_SHA512, signatures},
    {CKM_HASH_ML_DSA_SHA3_224, signatures},
    {CKM_HASH_ML_DSA_SHA3_256, signatures},
    {CKM_HASH_ML_DSA_SHA3_384, signatures},
    {CKM_HASH_ML_DSA_SHA3_512, signatures},
    {CKM_HASH_ML_DSA_SHAKE128, signatures},
    {CKM_HASH_ML_DSA_SHAKE256, signatures},
    {CKM_SLH_DSA, signatures},
    {CKM_HASH_SLH_DSA, signatures},
    {CKM_HASH_SLH_DSA_SHA224, signatures},
    {CKM_HASH_SLH_DSA_SHA256, signatures},
    {CKM_HASH_SLH_DSA_SHA384, signatures},
    {CKM_HASH_SLH_DSA_SHA512, signatures},
    {CKM_HASH_SLH_DSA_SHA3_224, signatures},
    {CKM_HASH_SLH_DSA_SHA3_256, signatures},
    {CKM_HASH_SLH_DSA_SHA3_384, signatures},
    {CKM_HASH_SLH_DSA_SHA3_512, signatures},
    {CKM_HASH_SLH_DSA_SHAKE128, signatures},
    {CKM_HASH_SLH_DSA_SHAKE256, signatures},
    {CKM_HSS, signatures},
    {CKM_XMSS, signatures},
    {CKM_XMSSMT, signatures},
    {CKM_CMS_SIG, signatures | any_length},  // may hold the time of signing
    {CKM_SECURID, signatures | any_length},
    {CKM_HOTP, signatures | any_length},
    {CKM_ACTI, signatures | any_length},
    {CKM_KIP_MAC, signatures},
    {CKM_FORTEZZA_TIMESTAMP, signatures},
    {CKM_X2RATCHET_ENCRYPT, ciphertexts | wrapped_keys},
    {CKM_ML_KEM, ciphertexts},
    {CKM_ECDH1_DERIVE, ciphertexts},  // encapsulation sends an ephemeral key
    {CKM_ECDH1_COFACTOR_DERIVE, ciphertexts},
    {CKM_RSA_AES_KEY_WRAP, wrapped_keys},
    {CKM_ECDH_AES_KEY_WRAP, wrapped_keys},
    {CKM_ECDH_X_AES_KEY_WRAP, wrapped_keys},
    {CKM_ECDH_COF_AES_KEY_WRAP, wrapped_keys},
    {CKM_GOSTR3410_KEY_WRAP, wrapped_keys},
    {CKM_KEY_WRAP_SET_OAEP, wrapped_keys},
};

struct field_row {
  std::string_view structure;  // "" for any
  std::string_view field;
  kind nature;
};

constexpr field_row fields[] = {
    {"CK_TOKEN_INFO", "utcTime", kind::moment},
    {"CK_TOKEN_INFO", "ulSessionCount", kind::moment},
    {"CK_TOKEN_INFO", "ulRwSessionCount", kind::moment},
    {"CK_TOKEN_INFO", "ulFreePublicMemory", kind::moment},
    {"CK_TOKEN_INFO", "ulFreePrivateMemory", kind::moment},
    {"", "iv", kind::random},
    {"", "pIv", kind::random},
    {"", "pIV", kind::random},
    {"", "cb", kind::random},  // of counter modes
    {"", "pNonce", kind::random},
    {"", "pTag", kind::random},         // follows from the initialisation vector
    {"", "pMAC", kind::random},         // so does that of CCM
    {"", "pPublicData", kind::random},  // the other side's ephemeral key
    {"", "pPublicData2", kind::random},
    {"", "pClientRandom", kind::random},
    {"", "pServerRandom", kind::random},
    {"", "pSalt", kind::random},
    {"", "pUKM", kind::random},
};

struct attribute_row {
  u64 type;
  bool always;  // also of objects that were given their values
};

constexpr attribute_row attributes[] = {
    {CKA_UNIQUE_ID, true},
    {CKA_VALUE, false},
    {CKA_CHECK_VALUE, false},
    {CKA_MODULUS, false},
    {CKA_PRIVATE_EXPONENT, false},
    {CKA_PRIME_1, false},
    {CKA_PRIME_2, false},
    {CKA_EXPONENT_1, false},
    {CKA_EXPONENT_2, false},
    {CKA_COEFFICIENT, false},
    {CKA_EC_POINT, false},
    {CKA_PUBLIC_KEY_INFO, false},
    {CKA_PRIME, false},
    {CKA_SUBPRIME, false},
    {CKA_BASE, false},
    {CKA_SEED, false},
};

bool is_random(u64 mechanism, std::uint8_t what) noexcept {
  for (const auto& m : mechanisms)
    if (m.type == mechanism) return (m.random & what) == what;
  return false;
}

std::uint8_t outputs_of(redaction_class what) noexcept {
  switch (what) {
    case redaction_class::signature:
      return signatures;
    case redaction_class::ciphertext:
      return ciphertexts;
    case redaction_class::wrapped:
      return wrapped_keys;
    default:
      return 0;
  }
}

}  // namespace

kind nature_of_output(redaction_class what, u64 mechanism) noexcept {
  // Random numbers, and the saved state of an operation, which is the module's own affair.
  if (what == redaction_class::random || what == redaction_class::state) return kind::random;
  const auto outputs = outputs_of(what);
  return outputs != 0 && is_random(mechanism, outputs) ? kind::random : kind::value;
}

bool has_random_length(redaction_class what, u64 mechanism) noexcept {
  if (what == redaction_class::state) return true;
  const auto outputs = outputs_of(what);
  return outputs != 0 && is_random(mechanism, static_cast<std::uint8_t>(outputs | any_length));
}

kind nature_of_field(std::string_view structure, std::string_view field) noexcept {
  for (const auto& f : fields)
    if (f.field == field && (f.structure.empty() || f.structure == structure)) return f.nature;
  return kind::value;
}

kind nature_of_parameter(u64 mechanism) noexcept {
  const auto* row = cryptoki::find_mechanism(mechanism);
  // Layouts `iv` and `bytes`: a vector, or the other side's public value for Diffie-Hellman.
  return row != nullptr && !row->layouts.empty() && row->layouts != "none" ? kind::random : kind::value;
}

kind nature_of_attribute(u64 type, bool fresh) noexcept {
  for (const auto& a : attributes)
    if (a.type == type) return fresh || a.always ? kind::random : kind::value;
  return kind::value;
}

}  // namespace p11tape::diff
