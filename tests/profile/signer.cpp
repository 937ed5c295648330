// SPDX-License-Identifier: Apache-2.0
// profile_signer MODULE COUNT WAY [MECHANISM]: signs COUNT times with the first private key of the first token that has
// one. The PIN comes from the environment variable SIGNER_PIN. WAY:
//
//   plain     one login, then signatures
//   read      reads ten attributes of the key, one by one, before each signature
//   login     logs out and in again for each signature
//   threads   four threads with a session each, which share the signatures
//
// MECHANISM is a number; CKM_SHA256_RSA_PKCS where it is left out.
#include <dlfcn.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

#include "cryptoki/pkcs11.hpp"

namespace {

struct failure {
  const char* what;
  CK_RV value;
};

void check(CK_RV value, const char* what) {
  if (value != CKR_OK) throw failure{what, value};
}

class signer {
 public:
  signer(CK_FUNCTION_LIST* list, std::string_view way, CK_MECHANISM_TYPE type)
      : p_(list), way_(way), mechanism_{type, nullptr, 0} {}

  void run(unsigned long count) {
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    check(p_->C_Initialize(&arguments), "C_Initialize");
    CK_SLOT_ID slots[16];
    CK_ULONG n = 16;
    check(p_->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList");
    if (n == 0) throw failure{"C_GetSlotList: no token", 0};
    CK_TOKEN_INFO info;
    check(p_->C_GetTokenInfo(slots[0], &info), "C_GetTokenInfo");
    slot_ = slots[0];
    const auto session = open();
    login(session);
    const auto key = find(session);
    if (way_ == "threads") {
      std::atomic<unsigned long> left{count};
      std::vector<std::thread> threads;
      for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
          try {
            for (const auto own = open(); left.fetch_sub(1) - 1 < count;) sign(own, key);
          } catch (const failure& f) {
            std::fprintf(stderr, "%s: 0x%lx\n", f.what, f.value);
            failed_ = true;
          }
        });
      for (auto& t : threads) t.join();
    } else {
      for (unsigned long i = 0; i < count; ++i) {
        if (way_ == "login" && i != 0) {
          check(p_->C_Logout(session), "C_Logout");
          login(session);
        }
        if (way_ == "read") read(session, key);
        sign(session, way_ == "login" ? find(session) : key);
      }
    }
    check(p_->C_Finalize(nullptr), "C_Finalize");
  }

  bool failed() const { return failed_; }

 private:
  CK_SESSION_HANDLE open() {
    CK_SESSION_HANDLE session = 0;
    check(p_->C_OpenSession(slot_, CKF_SERIAL_SESSION, nullptr, nullptr, &session), "C_OpenSession");
    return session;
  }

  void login(CK_SESSION_HANDLE session) {
    const char* pin = std::getenv("SIGNER_PIN");
    if (pin == nullptr) pin = "";
    check(p_->C_Login(session, CKU_USER, reinterpret_cast<CK_UTF8CHAR_PTR>(const_cast<char*>(pin)), std::strlen(pin)),
          "C_Login");
  }

  CK_OBJECT_HANDLE find(CK_SESSION_HANDLE session) {
    CK_OBJECT_CLASS wanted = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE search[] = {{CKA_CLASS, &wanted, sizeof wanted}};
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG n = 0;
    check(p_->C_FindObjectsInit(session, search, 1), "C_FindObjectsInit");
    check(p_->C_FindObjects(session, &key, 1, &n), "C_FindObjects");
    check(p_->C_FindObjectsFinal(session), "C_FindObjectsFinal");
    if (n == 0) throw failure{"no private key", 0};
    unsigned char label[64], id[64];
    CK_ATTRIBUTE names[] = {{CKA_LABEL, label, sizeof label}, {CKA_ID, id, sizeof id}};
    p_->C_GetAttributeValue(session, key, names, 2);
    return key;
  }

  void read(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
    unsigned char value[64];
    for (const CK_ATTRIBUTE_TYPE type : {CKA_CLASS, CKA_LABEL, CKA_ID, CKA_KEY_TYPE, CKA_TOKEN, CKA_PRIVATE, CKA_SIGN,
                                         CKA_DECRYPT, CKA_SENSITIVE, CKA_EXTRACTABLE}) {
      CK_ATTRIBUTE one = {type, value, sizeof value};
      p_->C_GetAttributeValue(session, key, &one, 1);
    }
  }

  void sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
    unsigned char data[32] = {1, 2, 3}, signature[1024];
    CK_ULONG size = sizeof signature;
    check(p_->C_SignInit(session, &mechanism_, key), "C_SignInit");
    check(p_->C_Sign(session, data, sizeof data, signature, &size), "C_Sign");
  }

  CK_FUNCTION_LIST* p_;
  std::string_view way_;
  CK_MECHANISM mechanism_;
  CK_SLOT_ID slot_ = 0;
  std::atomic<bool> failed_{false};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr,
                 "usage: profile_signer MODULE COUNT plain|read|login|threads [MECHANISM], the PIN in SIGNER_PIN\n");
    return 64;
  }
  void* module = dlopen(argv[1], RTLD_NOW);
  if (module == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 2;
  }
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(module, "C_GetFunctionList"));
  CK_FUNCTION_LIST* list = nullptr;
  if (get == nullptr || get(&list) != CKR_OK) return 2;
  signer s(list, argv[3], argc > 4 ? std::strtoul(argv[4], nullptr, 0) : CKM_SHA256_RSA_PKCS);
  try {
    s.run(std::strtoul(argv[2], nullptr, 10));
  } catch (const failure& f) {
    std::fprintf(stderr, "%s: 0x%lx\n", f.what, f.value);
    return 1;
  }
  return s.failed() ? 1 : 0;
}
