// SPDX-License-Identifier: Apache-2.0
// Five objects: a certificate, an RSA pair, an AES key with templates, a data object. They never change.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <span>
#include <string_view>

#include "mock.hpp"

namespace p11tape::mock {
namespace {

constexpr unsigned char certificate[] = {
#include "certificate.inc"
};
constexpr std::span<const unsigned char> subject = std::span(certificate).subspan(147, 66);

constexpr CK_OBJECT_CLASS classes[] = {CKO_CERTIFICATE, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_SECRET_KEY, CKO_DATA};
constexpr CK_KEY_TYPE rsa = CKK_RSA;
constexpr CK_KEY_TYPE aes = CKK_AES;
constexpr CK_CERTIFICATE_TYPE x509 = CKC_X_509;
constexpr CK_ULONG bits = 2048;
constexpr CK_ULONG key_bytes = 32;
constexpr CK_BBOOL yes = CK_TRUE;
constexpr CK_BBOOL no = CK_FALSE;
constexpr unsigned char id[] = {0x01, 0x02, 0x03, 0x04};
constexpr unsigned char exponent[] = {0x01, 0x00, 0x01};
constexpr unsigned char modulus[256] = {0xC3, 0x5A, 0x11, 0x77};
constexpr unsigned char secret[32] = {0x5E, 0xC4, 0xE7};
constexpr CK_MECHANISM_TYPE allowed[] = {CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_RSA_PKCS_PSS};

struct attribute {
  CK_ATTRIBUTE_TYPE type;
  const void* value;
  CK_ULONG length;
  bool sensitive = false;
};

template <class T>
constexpr attribute of(CK_ATTRIBUTE_TYPE type, const T& value) {
  return {type, &value, sizeof value};
}
constexpr attribute text(CK_ATTRIBUTE_TYPE type, std::string_view value) { return {type, value.data(), value.size()}; }
template <class T>
constexpr attribute hidden(CK_ATTRIBUTE_TYPE type, const T& value) {
  return {type, &value, sizeof value, true};
}

// The values of array attributes: a template inside the template.
constexpr attribute wrap_template[] = {of(CKA_CLASS, classes[3]), of(CKA_EXTRACTABLE, yes)};
constexpr attribute unwrap_template[] = {of(CKA_KEY_TYPE, aes), of(CKA_SENSITIVE, yes), text(CKA_LABEL, "unwrapped")};

constexpr attribute certificate_object[] = {of(CKA_CLASS, classes[0]),
                                            of(CKA_CERTIFICATE_TYPE, x509),
                                            of(CKA_TOKEN, yes),
                                            of(CKA_PRIVATE, no),
                                            text(CKA_LABEL, "mock certificate"),
                                            of(CKA_ID, id),
                                            {CKA_SUBJECT, subject.data(), subject.size()},
                                            {CKA_ISSUER, subject.data(), subject.size()},
                                            of(CKA_VALUE, certificate)};
constexpr attribute private_key[] = {of(CKA_CLASS, classes[1]),
                                     of(CKA_KEY_TYPE, rsa),
                                     of(CKA_TOKEN, yes),
                                     of(CKA_PRIVATE, yes),
                                     text(CKA_LABEL, "mock key"),
                                     of(CKA_ID, id),
                                     of(CKA_SIGN, yes),
                                     of(CKA_SENSITIVE, yes),
                                     of(CKA_EXTRACTABLE, no),
                                     of(CKA_MODULUS, modulus),
                                     of(CKA_PUBLIC_EXPONENT, exponent),
                                     of(CKA_ALLOWED_MECHANISMS, allowed),
                                     hidden(CKA_PRIVATE_EXPONENT, modulus)};
constexpr attribute public_key[] = {of(CKA_CLASS, classes[2]),   of(CKA_KEY_TYPE, rsa),
                                    of(CKA_TOKEN, yes),          of(CKA_PRIVATE, no),
                                    text(CKA_LABEL, "mock key"), of(CKA_ID, id),
                                    of(CKA_VERIFY, yes),         of(CKA_MODULUS, modulus),
                                    of(CKA_MODULUS_BITS, bits),  of(CKA_PUBLIC_EXPONENT, exponent)};
constexpr attribute secret_key[] = {of(CKA_CLASS, classes[3]),
                                    of(CKA_KEY_TYPE, aes),
                                    of(CKA_TOKEN, yes),
                                    of(CKA_PRIVATE, yes),
                                    text(CKA_LABEL, "mock secret"),
                                    of(CKA_VALUE_LEN, key_bytes),
                                    of(CKA_SENSITIVE, yes),
                                    hidden(CKA_VALUE, secret),
                                    of(CKA_WRAP_TEMPLATE, wrap_template),
                                    of(CKA_UNWRAP_TEMPLATE, unwrap_template)};
constexpr attribute data_object[] = {of(CKA_CLASS, classes[4]),
                                     of(CKA_TOKEN, yes),
                                     of(CKA_PRIVATE, no),
                                     text(CKA_LABEL, "mock data"),
                                     text(CKA_APPLICATION, "p11tape tests"),
                                     text(CKA_VALUE, "mock data value")};

constexpr std::span<const attribute> objects[] = {certificate_object, private_key, public_key, secret_key, data_object};

// One search at a time is enough; a session's handle plays no part.
std::atomic<bool> searching;
std::atomic<std::size_t> position;
std::atomic<unsigned> matches;  ///< a bit an object

const attribute* find(std::span<const attribute> object, CK_ATTRIBUTE_TYPE type) {
  const auto at = std::find_if(object.begin(), object.end(), [&](const auto& a) { return a.type == type; });
  return at == object.end() ? nullptr : &*at;
}

bool matches_pattern(std::span<const attribute> object, std::span<const CK_ATTRIBUTE> pattern) {
  return std::all_of(pattern.begin(), pattern.end(), [&](const CK_ATTRIBUTE& wanted) {
    const auto* const has = find(object, wanted.type);
    return has != nullptr && has->length == wanted.ulValueLen &&
           (has->length == 0 || (wanted.pValue != nullptr && std::memcmp(has->value, wanted.pValue, has->length) == 0));
  });
}

CK_RV get_one(const attribute& has, CK_ATTRIBUTE& wanted);

// An array attribute: types and lengths of what is inside, and the values where the caller gave room for them.
CK_RV get_template(std::span<const attribute> inside, CK_ATTRIBUTE& wanted) {
  const auto needed = inside.size() * sizeof(CK_ATTRIBUTE);
  if (wanted.pValue != nullptr) {
    if (wanted.ulValueLen < needed) {
      wanted.ulValueLen = CK_UNAVAILABLE_INFORMATION;
      return CKR_BUFFER_TOO_SMALL;
    }
    auto* const out = static_cast<CK_ATTRIBUTE*>(wanted.pValue);
    for (std::size_t i = 0; i < inside.size(); ++i) {
      out[i].type = inside[i].type;
      if (const auto rv = get_one(inside[i], out[i]); rv != CKR_OK) return rv;
    }
  }
  wanted.ulValueLen = needed;
  return CKR_OK;
}

CK_RV get_one(const attribute& has, CK_ATTRIBUTE& wanted) {
  if (has.sensitive) {
    wanted.ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return CKR_ATTRIBUTE_SENSITIVE;
  }
  if (has.type == CKA_WRAP_TEMPLATE || has.type == CKA_UNWRAP_TEMPLATE)
    return get_template({static_cast<const attribute*>(has.value), has.length / sizeof(attribute)}, wanted);
  if (wanted.pValue != nullptr) {
    if (wanted.ulValueLen < has.length) {
      wanted.ulValueLen = CK_UNAVAILABLE_INFORMATION;
      return CKR_BUFFER_TOO_SMALL;
    }
    std::memcpy(wanted.pValue, has.value, has.length);
  }
  wanted.ulValueLen = has.length + mock_control[function::C_GetAttributeValue].lie;
  return CKR_OK;
}

}  // namespace

void reset_objects() { searching = false; }

CK_RV find_init(const CK_ATTRIBUTE* pattern, CK_ULONG count) {
  if (pattern == nullptr && count > 0) return CKR_ARGUMENTS_BAD;
  unsigned found = 0;
  for (std::size_t i = 0; i < std::size(objects); ++i)
    if (matches_pattern(objects[i], {pattern, count})) found |= 1U << i;
  if (searching.exchange(true)) return CKR_OPERATION_ACTIVE;
  matches = found;
  position = 0;
  return CKR_OK;
}

CK_RV find_next(CK_OBJECT_HANDLE* out, CK_ULONG capacity, CK_ULONG* found) {
  if (out == nullptr || found == nullptr) return CKR_ARGUMENTS_BAD;
  if (!searching) return CKR_OPERATION_NOT_INITIALIZED;
  CK_ULONG n = 0;
  while (n < capacity && position < std::size(objects)) {
    const auto i = position++;
    if ((matches & 1U << i) != 0) out[n++] = i + 1;
  }
  write_count(function::C_FindObjects, found, n);
  return CKR_OK;
}

CK_RV find_final() { return searching.exchange(false) ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED; }

CK_RV get_attributes(CK_OBJECT_HANDLE object, CK_ATTRIBUTE* attributes, CK_ULONG count) {
  if (attributes == nullptr) return CKR_ARGUMENTS_BAD;
  if (object == 0 || object > std::size(objects)) return CKR_OBJECT_HANDLE_INVALID;
  // Each attribute is tried, whatever became of the ones before (section 5.7.5).
  CK_RV worst = CKR_OK;
  for (auto& wanted : std::span(attributes, count)) {
    const auto* const has = find(objects[object - 1], wanted.type);
    CK_RV rv = CKR_ATTRIBUTE_TYPE_INVALID;
    if (has == nullptr) {
      wanted.ulValueLen = CK_UNAVAILABLE_INFORMATION;
    } else {
      rv = get_one(*has, wanted);
    }
    if (rv != CKR_OK) worst = rv;
  }
  return worst;
}

}  // namespace p11tape::mock
