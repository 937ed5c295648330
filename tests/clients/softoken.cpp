// SPDX-License-Identifier: Apache-2.0
// A client of PKCS#11 3.0 that comes in by C_GetInterface and uses what only 3.0 has. It is made for NSS's
// libsoftokn3.so, a module that insists on a parameter string in C_Initialize.
//
// Usage: softoken-client MODULE FOLDER PIN. FOLDER gets NSS's database. Prints what it sees, nothing that is random.
#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "p11tape/pkcs11.h"

namespace {

// NSS's own CK_C_INITIALIZE_ARGS: one field longer than the standard's, whose pReserved is the parameter string.
struct nss_initialize_args {
  CK_C_INITIALIZE_ARGS standard;
  void* reserved_of_nss;
};

CK_UTF8CHAR_PTR text(const std::string& value) {
  return reinterpret_cast<CK_UTF8CHAR_PTR>(const_cast<char*>(value.data()));
}

bool say(const char* call, CK_RV rv) {
  std::printf("%s: 0x%lx\n", call, rv);
  return rv == CKR_OK;
}

/// Every interface that the module has, and then the one of 3.0; nullptr where there is none.
CK_FUNCTION_LIST_3_0* ask_for_interface(void* module) {
  auto list = reinterpret_cast<CK_C_GetInterfaceList>(dlsym(module, "C_GetInterfaceList"));
  auto get = reinterpret_cast<CK_C_GetInterface>(dlsym(module, "C_GetInterface"));
  if (list == nullptr || get == nullptr) {
    std::puts("the module has no C_GetInterface");
    return nullptr;
  }
  CK_ULONG count = 0;
  say("C_GetInterfaceList, count", list(nullptr, &count));
  std::vector<CK_INTERFACE> all(count);
  say("C_GetInterfaceList", list(all.data(), &count));
  for (const CK_INTERFACE& one : all) {
    const auto* version = static_cast<const CK_VERSION*>(one.pFunctionList);
    std::printf("  \"%s\" %d.%d flags 0x%lx\n", reinterpret_cast<const char*>(one.pInterfaceName), version->major,
                version->minor, one.flags);
  }

  CK_INTERFACE* found = nullptr;
  CK_VERSION wanted{2, 40};
  if (say("C_GetInterface 2.40", get(text("PKCS 11"), &wanted, &found, 0))) {
    const auto* version = static_cast<const CK_VERSION*>(found->pFunctionList);
    std::printf("  %d.%d\n", version->major, version->minor);
  }
  wanted = {9, 9};
  say("C_GetInterface 9.9", get(text("PKCS 11"), &wanted, &found, 0));
  wanted = {3, 0};
  if (!say("C_GetInterface 3.0", get(text("PKCS 11"), &wanted, &found, CKF_INTERFACE_FORK_SAFE))) return nullptr;
  return static_cast<CK_FUNCTION_LIST_3_0*>(found->pFunctionList);
}

/// The message-based encryption of 3.0, there and back.
void encrypt_message(CK_FUNCTION_LIST_3_0* p11, CK_SESSION_HANDLE session) {
  CK_MECHANISM make{CKM_AES_KEY_GEN, nullptr, 0};
  CK_ULONG length = 32;
  CK_BBOOL yes = CK_TRUE;
  std::array<CK_ATTRIBUTE, 3> wanted{
      {{CKA_VALUE_LEN, &length, sizeof length}, {CKA_ENCRYPT, &yes, sizeof yes}, {CKA_DECRYPT, &yes, sizeof yes}}};
  CK_OBJECT_HANDLE key = 0;
  if (!say("C_GenerateKey", p11->C_GenerateKey(session, &make, wanted.data(), wanted.size(), &key))) return;

  CK_MECHANISM gcm{CKM_AES_GCM, nullptr, 0};
  std::array<CK_BYTE, 12> nonce{};
  std::array<CK_BYTE, 16> tag{};
  CK_GCM_MESSAGE_PARAMS parameters{nonce.data(), nonce.size(), 0, CKG_NO_GENERATE, tag.data(), 128};
  const std::string plain = "a message of PKCS#11 3.0";
  const std::string associated = "header";
  std::array<CK_BYTE, 64> sealed{};
  CK_ULONG sealed_length = sealed.size();
  say("C_MessageEncryptInit", p11->C_MessageEncryptInit(session, &gcm, key));
  say("C_EncryptMessage",
      p11->C_EncryptMessage(session, &parameters, sizeof parameters, text(associated), associated.size(), text(plain),
                            plain.size(), sealed.data(), &sealed_length));
  say("C_MessageEncryptFinal", p11->C_MessageEncryptFinal(session));

  std::array<CK_BYTE, 64> opened{};
  CK_ULONG opened_length = opened.size();
  say("C_MessageDecryptInit", p11->C_MessageDecryptInit(session, &gcm, key));
  say("C_DecryptMessage",
      p11->C_DecryptMessage(session, &parameters, sizeof parameters, text(associated), associated.size(), sealed.data(),
                            sealed_length, opened.data(), &opened_length));
  std::printf("  %s\n",
              std::string(reinterpret_cast<char*>(opened.data()), opened_length) == plain ? "same" : "differs");
  tag[0] ^= 1;
  opened_length = opened.size();
  say("C_DecryptMessage, damaged",
      p11->C_DecryptMessage(session, &parameters, sizeof parameters, text(associated), associated.size(), sealed.data(),
                            sealed_length, opened.data(), &opened_length));
  say("C_MessageDecryptFinal", p11->C_MessageDecryptFinal(session));
}

void use(CK_FUNCTION_LIST_3_0* p11, const std::string& pin) {
  std::array<CK_SLOT_ID, 8> slots{};
  CK_ULONG count = slots.size();
  if (!say("C_GetSlotList", p11->C_GetSlotList(CK_TRUE, slots.data(), &count)) || count == 0) return;
  for (CK_ULONG i = 0; i < count; ++i) {
    CK_TOKEN_INFO info{};
    say("C_GetTokenInfo", p11->C_GetTokenInfo(slots[i], &info));
    std::printf("  %.32s\n", reinterpret_cast<const char*>(info.label));
  }

  // The last one is the database. A new database has an empty SO-PIN.
  CK_SESSION_HANDLE session = 0;
  if (!say("C_OpenSession",
           p11->C_OpenSession(slots[count - 1], CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session))) {
    return;
  }
  say("C_Login SO", p11->C_Login(session, CKU_SO, text(""), 0));
  say("C_InitPIN", p11->C_InitPIN(session, text(pin), pin.size()));
  say("C_Logout", p11->C_Logout(session));
  say("C_LoginUser", p11->C_LoginUser(session, CKU_USER, text(pin), pin.size(), nullptr, 0));
  say("C_Login", p11->C_Login(session, CKU_USER, text(pin), pin.size()));
  encrypt_message(p11, session);
  say("C_SessionCancel", p11->C_SessionCancel(session, CKF_MESSAGE_ENCRYPT));
  say("C_CloseSession", p11->C_CloseSession(session));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: softoken-client MODULE FOLDER PIN\n", stderr);
    return 64;
  }
  void* module = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  CK_FUNCTION_LIST_3_0* p11 = ask_for_interface(module);
  if (p11 == nullptr) return 1;

  std::string parameters = "configDir='sql:" + std::string(argv[2]) + "' certPrefix='' keyPrefix='' secmod='' flags=";
  say("C_Initialize, no parameters", p11->C_Initialize(nullptr));
  nss_initialize_args arguments{};
  arguments.standard.flags = CKF_OS_LOCKING_OK;
  arguments.standard.pReserved = parameters.data();
  if (!say("C_Initialize", p11->C_Initialize(&arguments))) return 1;
  use(p11, argv[3]);
  return say("C_Finalize", p11->C_Finalize(nullptr)) ? 0 : 1;
}
