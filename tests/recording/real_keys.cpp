// SPDX-License-Identifier: Apache-2.0
// The canaries once more, with a real module and real keys: SoftHSM gets PINs, an AES key, all of an RSA private key,
// plaintexts and seeds, and gives keys, random numbers and plaintexts back. None of them may stand on the tape, or in
// anything that is rendered from it, in any form; what is public has to be there, so that the search is known to work.
#include <dlfcn.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "cryptoki/pkcs11.hpp"
#include "cryptoki/redaction.hpp"
#include "recorded.hpp"
#include "scrub/search.hpp"

namespace {

using namespace p11tape;
using cryptoki::redaction_class;
using cryptoki::treatment;

constexpr const char* softhsm = "/usr/lib/softhsm/libsofthsm2.so";

struct known {
  std::string name;
  std::string bytes;
  redaction_class is;
};

class story {
 public:
  explicit story(CK_FUNCTION_LIST_PTR list) : p11_(*list) {}

  void tell() {
    token();
    objects();
    secret_keys();
    private_key();
    random_and_digest();
    must("C_Finalize", p11_.C_Finalize(nullptr));
  }

  const std::vector<known>& all() const { return all_; }
  int failures() const { return failures_; }

 private:
  using handle = CK_OBJECT_HANDLE;

  void must(const char* what, CK_RV rv) {
    if (rv == CKR_OK) return;
    std::printf("%s answered 0x%lx\n", what, rv);
    ++failures_;
  }

  // Random letters: no window of eight of them turns up by chance.
  std::string fresh(const std::string& name, redaction_class is, std::size_t size = 32) {
    std::string s(size, ' ');
    RAND_bytes(reinterpret_cast<unsigned char*>(s.data()), static_cast<int>(size));
    for (auto& c : s) c = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"[static_cast<unsigned char>(c) % 32];
    all_.push_back({name, s, is});
    return s;
  }
  void note(const std::string& name, const std::string& bytes, redaction_class is) {
    if (bytes.size() < 8) must(("nothing to look for: " + name).c_str(), CKR_GENERAL_ERROR);
    all_.push_back({name, bytes, is});
  }

  static CK_BYTE_PTR at(std::string& s) { return reinterpret_cast<CK_BYTE_PTR>(s.data()); }
  static CK_ATTRIBUTE text(CK_ATTRIBUTE_TYPE type, std::string& s) { return {type, s.data(), s.size()}; }
  template <class T>
  static CK_ATTRIBUTE plain(CK_ATTRIBUTE_TYPE type, T& value) {
    return {type, &value, sizeof value};
  }

  handle create(const char* what, std::vector<CK_ATTRIBUTE> attributes) {
    handle h = 0;
    must(what, p11_.C_CreateObject(session_, attributes.data(), attributes.size(), &h));
    return h;
  }

  void read_back(const std::string& name, handle key, CK_ATTRIBUTE_TYPE type) {
    std::string room(512, '\0');
    CK_ATTRIBUTE a = text(type, room);
    must(name.c_str(), p11_.C_GetAttributeValue(session_, key, &a, 1));
    if (a.ulValueLen <= room.size()) note(name, room.substr(0, a.ulValueLen), redaction_class::key);
  }

  void token() {
    auto so_pin = fresh("the SO's PIN", redaction_class::pin, 16);
    auto first_pin = fresh("the user's first PIN", redaction_class::pin, 16);
    auto pin = fresh("the user's PIN", redaction_class::pin, 16);
    auto wrong = fresh("a wrong PIN", redaction_class::pin, 16);
    std::string label = "canary token                    ";
    must("C_Initialize", p11_.C_Initialize(nullptr));
    CK_SLOT_ID slots[4];
    CK_ULONG count = 4;
    must("C_GetSlotList", p11_.C_GetSlotList(CK_TRUE, slots, &count));
    must("C_InitToken", p11_.C_InitToken(slots[0], at(so_pin), so_pin.size(), at(label)));
    count = 4;
    must("C_GetSlotList", p11_.C_GetSlotList(CK_TRUE, slots, &count));
    must("C_OpenSession",
         p11_.C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session_));
    must("C_Login", p11_.C_Login(session_, CKU_SO, at(so_pin), so_pin.size()));
    must("C_InitPIN", p11_.C_InitPIN(session_, at(first_pin), first_pin.size()));
    must("C_Logout", p11_.C_Logout(session_));
    if (p11_.C_Login(session_, CKU_USER, at(wrong), wrong.size()) != CKR_PIN_INCORRECT) must("C_Login", CKR_OK + 1);
    must("C_Login", p11_.C_Login(session_, CKU_USER, at(first_pin), first_pin.size()));
    must("C_SetPIN", p11_.C_SetPIN(session_, at(first_pin), first_pin.size(), at(pin), pin.size()));
    must("C_Logout", p11_.C_Logout(session_));
    must("C_Login", p11_.C_Login(session_, CKU_USER, at(pin), pin.size()));
  }

  void objects() {
    auto value = fresh("the value of a data object", redaction_class::key);
    auto label = fresh("the label of a data object", redaction_class::identity);
    CK_OBJECT_CLASS what = CKO_DATA;
    create("C_CreateObject (data)", {plain(CKA_CLASS, what), text(CKA_LABEL, label), text(CKA_VALUE, value)});
    static unsigned char certificate[] = {
#include "../mock/certificate.inc"
    };
    std::string der(reinterpret_cast<const char*>(certificate), sizeof certificate);
    auto subject = fresh("the subject of a certificate", redaction_class::identity);
    note("a certificate", der.substr(32, 64), redaction_class::open);
    CK_CERTIFICATE_TYPE kind = CKC_X_509;
    what = CKO_CERTIFICATE;
    create("C_CreateObject (certificate)", {plain(CKA_CLASS, what), plain(CKA_CERTIFICATE_TYPE, kind),
                                            text(CKA_SUBJECT, subject), text(CKA_VALUE, der)});
  }

  handle import_aes(std::string value) {
    CK_OBJECT_CLASS what = CKO_SECRET_KEY;
    CK_KEY_TYPE kind = CKK_AES;
    return create("C_CreateObject (AES)",
                  {plain(CKA_CLASS, what), plain(CKA_KEY_TYPE, kind), text(CKA_VALUE, value), plain(CKA_ENCRYPT, yes_),
                   plain(CKA_DECRYPT, yes_), plain(CKA_WRAP, yes_), plain(CKA_UNWRAP, yes_), plain(CKA_DERIVE, yes_),
                   plain(CKA_SENSITIVE, no_), plain(CKA_EXTRACTABLE, yes_)});
  }

  void secret_keys() {
    const handle key = import_aes(fresh("an imported AES key", redaction_class::key));
    const handle wrapping = import_aes(fresh("another AES key", redaction_class::key));
    read_back("the AES key as it is read", key, CKA_VALUE);

    auto iv = fresh("an IV", redaction_class::parameter, 16);
    CK_MECHANISM cbc{CKM_AES_CBC_PAD, iv.data(), iv.size()};
    encrypt_and_decrypt("AES", cbc, key, key);
    auto parts = fresh("a plaintext in parts", redaction_class::plain, 64);
    std::string out(128, '\0');
    CK_ULONG size = out.size();
    must("C_EncryptInit", p11_.C_EncryptInit(session_, &cbc, key));
    must("C_EncryptUpdate", p11_.C_EncryptUpdate(session_, at(parts), parts.size(), at(out), &size));
    CK_ULONG rest = out.size() - size;
    must("C_EncryptFinal", p11_.C_EncryptFinal(session_, at(out) + size, &rest));
    std::string back(128, '\0');
    CK_ULONG back_size = back.size();
    must("C_DecryptInit", p11_.C_DecryptInit(session_, &cbc, key));
    must("C_DecryptUpdate", p11_.C_DecryptUpdate(session_, at(out), size + rest, at(back), &back_size));
    rest = back.size() - back_size;
    must("C_DecryptFinal", p11_.C_DecryptFinal(session_, at(back) + back_size, &rest));

    CK_MECHANISM key_wrap{CKM_AES_KEY_WRAP, nullptr, 0};
    std::string wrapped(256, '\0');
    size = wrapped.size();
    must("C_WrapKey", p11_.C_WrapKey(session_, &key_wrap, wrapping, key, at(wrapped), &size));
    wrapped.resize(size);
    note("a wrapped key", wrapped, redaction_class::wrapped);
    handle unwrapped = 0;
    CK_OBJECT_CLASS what = CKO_SECRET_KEY;
    CK_KEY_TYPE kind = CKK_AES;
    CK_ATTRIBUTE template_[] = {plain(CKA_CLASS, what), plain(CKA_KEY_TYPE, kind), plain(CKA_SENSITIVE, no_),
                                plain(CKA_EXTRACTABLE, yes_)};
    must("C_UnwrapKey", p11_.C_UnwrapKey(session_, &key_wrap, wrapping, at(wrapped), size, template_, 4, &unwrapped));
    read_back("an unwrapped key", unwrapped, CKA_VALUE);

    auto input = fresh("what a key is derived from", redaction_class::key, 32);
    CK_KEY_DERIVATION_STRING_DATA derivation{at(input), input.size()};
    CK_MECHANISM derive{CKM_AES_ECB_ENCRYPT_DATA, &derivation, sizeof derivation};
    handle derived = 0;
    CK_ULONG length = 32;
    CK_ATTRIBUTE derived_template[] = {plain(CKA_CLASS, what), plain(CKA_KEY_TYPE, kind), plain(CKA_SENSITIVE, no_),
                                       plain(CKA_EXTRACTABLE, yes_), plain(CKA_VALUE_LEN, length)};
    must("C_DeriveKey", p11_.C_DeriveKey(session_, &derive, key, derived_template, 5, &derived));
    read_back("a derived key", derived, CKA_VALUE);

    CK_MECHANISM generate{CKM_AES_KEY_GEN, nullptr, 0};
    handle generated = 0;
    CK_ATTRIBUTE generated_template[] = {plain(CKA_VALUE_LEN, length), plain(CKA_SENSITIVE, no_),
                                         plain(CKA_EXTRACTABLE, yes_)};
    must("C_GenerateKey", p11_.C_GenerateKey(session_, &generate, generated_template, 3, &generated));
    read_back("a generated key", generated, CKA_VALUE);
  }

  void encrypt_and_decrypt(const std::string& name, CK_MECHANISM& mechanism, handle with, handle back_with) {
    auto plaintext = fresh("a plaintext for " + name, redaction_class::plain);
    std::string out(512, '\0'), back(512, '\0');
    CK_ULONG size = out.size(), back_size = back.size();
    must("C_EncryptInit", p11_.C_EncryptInit(session_, &mechanism, with));
    must("C_Encrypt", p11_.C_Encrypt(session_, at(plaintext), plaintext.size(), at(out), &size));
    must("C_DecryptInit", p11_.C_DecryptInit(session_, &mechanism, back_with));
    must("C_Decrypt", p11_.C_Decrypt(session_, at(out), size, at(back), &back_size));
    if (back.substr(0, back_size) != plaintext) must(("decrypting with " + name).c_str(), CKR_GENERAL_ERROR);
    out.resize(size);
    note("a ciphertext of " + name, out, redaction_class::ciphertext);
  }

  void private_key() {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_RSA_gen(2048), EVP_PKEY_free);
    const auto part = [&](const char* of, const char* name, redaction_class is) {
      BIGNUM* n = nullptr;
      EVP_PKEY_get_bn_param(key.get(), of, &n);
      std::string bytes(static_cast<std::size_t>(BN_num_bytes(n)), '\0');
      BN_bn2bin(n, at(bytes));
      BN_clear_free(n);
      if (bytes.size() >= 8) note(name, bytes, is);
      return bytes;
    };
    auto modulus = part(OSSL_PKEY_PARAM_RSA_N, "the modulus", redaction_class::open);
    auto exponent = part(OSSL_PKEY_PARAM_RSA_E, "", redaction_class::open);
    auto d = part(OSSL_PKEY_PARAM_RSA_D, "the private exponent", redaction_class::key);
    auto p = part(OSSL_PKEY_PARAM_RSA_FACTOR1, "prime 1", redaction_class::key);
    auto q = part(OSSL_PKEY_PARAM_RSA_FACTOR2, "prime 2", redaction_class::key);
    auto dp = part(OSSL_PKEY_PARAM_RSA_EXPONENT1, "exponent 1", redaction_class::key);
    auto dq = part(OSSL_PKEY_PARAM_RSA_EXPONENT2, "exponent 2", redaction_class::key);
    auto u = part(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, "the coefficient", redaction_class::key);
    CK_OBJECT_CLASS what = CKO_PRIVATE_KEY;
    CK_KEY_TYPE kind = CKK_RSA;
    const handle secret = create(
        "C_CreateObject (RSA)",
        {plain(CKA_CLASS, what), plain(CKA_KEY_TYPE, kind), plain(CKA_SIGN, yes_), plain(CKA_DECRYPT, yes_),
         plain(CKA_UNWRAP, yes_), plain(CKA_SENSITIVE, no_), plain(CKA_EXTRACTABLE, yes_), text(CKA_MODULUS, modulus),
         text(CKA_PUBLIC_EXPONENT, exponent), text(CKA_PRIVATE_EXPONENT, d), text(CKA_PRIME_1, p), text(CKA_PRIME_2, q),
         text(CKA_EXPONENT_1, dp), text(CKA_EXPONENT_2, dq), text(CKA_COEFFICIENT, u)});
    for (const auto type : {CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_COEFFICIENT})
      read_back("a part of the private key as it is read", secret, type);
    what = CKO_PUBLIC_KEY;
    const handle open =
        create("C_CreateObject (public)",
               {plain(CKA_CLASS, what), plain(CKA_KEY_TYPE, kind), plain(CKA_ENCRYPT, yes_), plain(CKA_WRAP, yes_),
                text(CKA_MODULUS, modulus), text(CKA_PUBLIC_EXPONENT, exponent)});
    CK_MECHANISM pkcs{CKM_RSA_PKCS, nullptr, 0};
    encrypt_and_decrypt("RSA", pkcs, open, secret);

    const handle inner = import_aes(fresh("an AES key that travels under RSA", redaction_class::key));
    std::string wrapped(512, '\0');
    CK_ULONG size = wrapped.size();
    must("C_WrapKey (RSA)", p11_.C_WrapKey(session_, &pkcs, open, inner, at(wrapped), &size));
    note("a key wrapped with RSA", wrapped.substr(0, size), redaction_class::wrapped);
    CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
    CK_KEY_TYPE aes = CKK_AES;
    CK_ATTRIBUTE template_[] = {plain(CKA_CLASS, secret_class), plain(CKA_KEY_TYPE, aes), plain(CKA_SENSITIVE, no_),
                                plain(CKA_EXTRACTABLE, yes_)};
    handle unwrapped = 0;
    must("C_UnwrapKey (RSA)", p11_.C_UnwrapKey(session_, &pkcs, secret, at(wrapped), size, template_, 4, &unwrapped));
    read_back("a key unwrapped with RSA", unwrapped, CKA_VALUE);

    auto data = fresh("what is signed", redaction_class::data, 64);
    std::string signature(512, '\0');
    size = signature.size();
    CK_MECHANISM sign{CKM_SHA256_RSA_PKCS, nullptr, 0};
    must("C_SignInit", p11_.C_SignInit(session_, &sign, secret));
    must("C_Sign", p11_.C_Sign(session_, at(data), data.size(), at(signature), &size));
    note("a signature", signature.substr(0, size), redaction_class::signature);
  }

  void random_and_digest() {
    auto seed = fresh("a seed", redaction_class::random);
    must("C_SeedRandom", p11_.C_SeedRandom(session_, at(seed), seed.size()));
    std::string random(32, '\0');
    must("C_GenerateRandom", p11_.C_GenerateRandom(session_, at(random), random.size()));
    note("a random number", random, redaction_class::random);
    auto data = fresh("what is hashed", redaction_class::data, 64);
    std::string digest(64, '\0');
    CK_ULONG size = digest.size();
    CK_MECHANISM sha{CKM_SHA256, nullptr, 0};
    must("C_DigestInit", p11_.C_DigestInit(session_, &sha));
    must("C_Digest", p11_.C_Digest(session_, at(data), data.size(), at(digest), &size));
    note("a digest", digest.substr(0, size), redaction_class::digest);
  }

  CK_FUNCTION_LIST& p11_;
  CK_SESSION_HANDLE session_ = 0;
  CK_BBOOL yes_ = CK_TRUE, no_ = CK_FALSE;
  std::vector<known> all_;
  int failures_ = 0;
};

// Public values are not always rendered whole: only the tape itself has to hold what is allowed.
int check(const std::string& what, const std::string& bytes, const std::vector<known>& all, std::size_t profile,
          bool is_tape) {
  int failures = 0;
  for (const auto& k : all) {
    const bool allowed = cryptoki::treat(profile, k.is) == treatment::whole;
    scrub::search search(k.bytes);
    search.feed(bytes);
    if (!allowed && !search.hits().empty()) {
      std::printf("%s holds %s %s\n", what.c_str(), k.name.c_str(), std::string{search.hits()[0].form}.c_str());
      ++failures;
    }
    if (allowed && is_tape && bytes.find(k.bytes) == std::string::npos) {
      std::printf("%s does not hold %s, which may be recorded\n", what.c_str(), k.name.c_str());
      ++failures;
    }
  }
  return failures;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "default";
  const std::size_t profile = name == "default" ? 0 : name == "strict" ? 1 : 2;
  if (access(softhsm, R_OK) != 0) {
    std::printf("skipped: %s is not installed\n", softhsm);
    return 77;
  }
  char folder[] = "/tmp/p11tape-real-keys-XXXXXX";
  if (mkdtemp(folder) == nullptr) return 2;
  const std::filesystem::path here(folder);
  std::filesystem::create_directory(here / "tokens");
  std::ofstream(here / "softhsm2.conf") << "directories.tokendir = " << (here / "tokens").string()
                                        << "\nobjectstore.backend = file\nlog.level = ERROR\n";
  setenv("SOFTHSM2_CONF", (here / "softhsm2.conf").c_str(), 1);
  setenv("P11TAPE_MODULE", softhsm, 1);
  setenv("P11TAPE_DIR", folder, 1);
  setenv("P11TAPE_PROFILE", name.c_str(), 1);
  void* shim = dlopen(P11TAPE_TEST_SHIM, RTLD_NOW | RTLD_LOCAL);
  CK_FUNCTION_LIST_PTR list = nullptr;
  const auto get = shim != nullptr ? reinterpret_cast<CK_C_GetFunctionList>(dlsym(shim, "C_GetFunctionList")) : nullptr;
  if (get == nullptr || get(&list) != CKR_OK) {
    std::printf("the shim gives no function list\n");
    return 2;
  }
  story s(list);
  s.tell();

  int failures = s.failures();
  for (const auto& entry : std::filesystem::directory_iterator(here)) {
    if (entry.path().extension() != ".p11tape") continue;
    failures += check("the tape", test::contents_of(entry.path()), s.all(), profile, true);
    for (const char* command : {"show", "show --json", "summary", "diagnose"})
      failures += check(
          command,
          test::output_of(std::string{P11TAPE_TEST_PROGRAM} + " " + command + " " + entry.path().string() + " || true"),
          s.all(), profile, false);
  }
  std::printf("%s: %zu canaries, %d failures\n", name.c_str(), s.all().size(), failures);
  std::filesystem::remove_all(here);
  return failures == 0 ? 0 : 1;
}
