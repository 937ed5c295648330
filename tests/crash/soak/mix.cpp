// SPDX-License-Identifier: Apache-2.0
#include "mix.hpp"

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace p11tape::soak {
namespace {

CK_UTF8CHAR pin[] = "12345678";
CK_SLOT_ID slot = 0;
CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

[[noreturn]] void give_up(const char* what, CK_RV rv) {
  std::fprintf(stderr, "soak: %s answers 0x%lx\n", what, static_cast<unsigned long>(rv));
  std::exit(2);
}

}  // namespace

#define P11TAPE_COUNTED(call) count_call(calls_, list_->call)

// Made by the module itself, in a process that is not recorded.
void make_token(const std::filesystem::path& folder) {
  create_directory(folder / "token");
  std::ofstream(folder / "softhsm2.conf")
      << "directories.tokendir = " << (folder / "token").string() << "\nlog.level = ERROR\n";
  setenv("SOFTHSM2_CONF", (folder / "softhsm2.conf").c_str(), 1);
  int ends[2];
  if (pipe(ends) != 0) give_up("pipe", 0);
  const pid_t child = fork();
  if (child == 0) {
    void* const handle = dlopen(softhsm_path, RTLD_NOW);
    const auto get =
        handle != nullptr ? reinterpret_cast<CK_C_GetFunctionList>(dlsym(handle, "C_GetFunctionList")) : nullptr;
    CK_FUNCTION_LIST* list = nullptr;
    if (get == nullptr || get(&list) != CKR_OK) give_up("loading SoftHSM", 0);
    CK_UTF8CHAR label[32];
    std::memset(label, ' ', sizeof label);
    std::memcpy(label, "soak", 4);
    CK_SLOT_ID slots[8];
    CK_ULONG count = std::size(slots);
    CK_SESSION_HANDLE session = 0;
    list->C_Initialize(nullptr);
    if (const CK_RV rv = list->C_InitToken(0, pin, sizeof pin - 1, label); rv != CKR_OK) give_up("C_InitToken", rv);
    list->C_GetSlotList(CK_TRUE, slots, &count);
    if (const CK_RV rv = list->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session);
        rv != CKR_OK)
      give_up("C_OpenSession", rv);
    list->C_Login(session, CKU_SO, pin, sizeof pin - 1);
    if (const CK_RV rv = list->C_InitPIN(session, pin, sizeof pin - 1); rv != CKR_OK) give_up("C_InitPIN", rv);
    list->C_Finalize(nullptr);
    if (write(ends[1], &slots[0], sizeof slots[0]) != sizeof slots[0]) _exit(1);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0 || read(ends[0], &slot, sizeof slot) != sizeof slot) give_up("making a token", 0);
  close(ends[0]);
  close(ends[1]);
}

void caller::open() {
  if (P11TAPE_COUNTED(C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session_)) !=
      CKR_OK) {
    session_ = CK_INVALID_HANDLE;
    return;
  }
  P11TAPE_COUNTED(C_Login(session_, CKU_USER, pin, sizeof pin - 1));  // or another thread has, already
  CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
  CK_KEY_TYPE type = CKK_AES;
  CK_BYTE value[16] = {1, 2, 3};
  CK_ATTRIBUTE key[] = {{CKA_CLASS, &object_class, sizeof object_class},
                        {CKA_KEY_TYPE, &type, sizeof type},
                        {CKA_TOKEN, &no, sizeof no},
                        {CKA_ENCRYPT, &yes, sizeof yes},
                        {CKA_SIGN, &yes, sizeof yes},
                        {CKA_VALUE, value, sizeof value}};
  if (P11TAPE_COUNTED(C_CreateObject(session_, key, std::size(key), &secret_)) != CKR_OK) secret_ = CK_INVALID_HANDLE;
}

void caller::look_around() {
  CK_SLOT_ID slots[8];
  CK_ULONG count = std::size(slots);
  CK_SLOT_INFO slot_info;
  CK_TOKEN_INFO token_info;
  CK_SESSION_INFO session_info;
  CK_MECHANISM_TYPE mechanisms[256];
  P11TAPE_COUNTED(C_GetSlotList(CK_TRUE, nullptr, &count));
  count = std::size(slots);
  P11TAPE_COUNTED(C_GetSlotList(CK_TRUE, slots, &count));
  P11TAPE_COUNTED(C_GetSlotInfo(slot, &slot_info));
  P11TAPE_COUNTED(C_GetTokenInfo(slot, &token_info));
  P11TAPE_COUNTED(C_GetSessionInfo(session_, &session_info));
  count = std::size(mechanisms);
  P11TAPE_COUNTED(C_GetMechanismList(slot, mechanisms, &count));
}

void caller::find() {
  CK_OBJECT_HANDLE found[4];
  CK_ULONG count = 0;
  CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
  CK_ATTRIBUTE search[] = {{CKA_CLASS, &object_class, sizeof object_class}};
  if (P11TAPE_COUNTED(C_FindObjectsInit(session_, search, std::size(search))) != CKR_OK) return;
  P11TAPE_COUNTED(C_FindObjects(session_, found, std::size(found), &count));
  P11TAPE_COUNTED(C_FindObjectsFinal(session_));
  CK_BYTE id[64], label[64];
  CK_ATTRIBUTE wanted[] = {{CKA_ID, id, sizeof id}, {CKA_LABEL, label, sizeof label}, {CKA_VALUE, nullptr, 0}};
  for (CK_ULONG i = 0; i < count; ++i) P11TAPE_COUNTED(C_GetAttributeValue(session_, found[i], wanted, 3));
}

void caller::sign() {
  CK_MECHANISM mechanism{CKM_AES_CMAC, nullptr, 0};
  CK_BYTE data[64]{}, mac[16];
  CK_ULONG size = sizeof mac;
  if (P11TAPE_COUNTED(C_SignInit(session_, &mechanism, secret_)) != CKR_OK) return;
  if (random_() % 2 == 0) {
    P11TAPE_COUNTED(C_Sign(session_, data, sizeof data, mac, &size));
  } else {
    P11TAPE_COUNTED(C_SignUpdate(session_, data, 32));
    P11TAPE_COUNTED(C_SignUpdate(session_, data, 32));
    P11TAPE_COUNTED(C_SignFinal(session_, mac, &size));
  }
}

void caller::digest() {
  CK_MECHANISM mechanism{CKM_SHA256, nullptr, 0};
  CK_BYTE data[4096]{}, digest[32];
  CK_ULONG size = sizeof digest;
  if (P11TAPE_COUNTED(C_DigestInit(session_, &mechanism)) != CKR_OK) return;
  P11TAPE_COUNTED(C_Digest(session_, data, sizeof data, nullptr, &size));
  P11TAPE_COUNTED(C_Digest(session_, data, sizeof data, digest, &size));
}

void caller::encrypt() {
  CK_BYTE iv[16]{}, data[1024]{}, out[1040];
  CK_MECHANISM mechanism{CKM_AES_CBC_PAD, iv, sizeof iv};
  CK_ULONG size = sizeof out;
  if (P11TAPE_COUNTED(C_EncryptInit(session_, &mechanism, secret_)) != CKR_OK) return;
  P11TAPE_COUNTED(C_Encrypt(session_, data, sizeof data, out, &size));
}

void caller::object() {
  CK_OBJECT_CLASS object_class = CKO_DATA;
  CK_BYTE value[200]{};
  CK_UTF8CHAR label[] = "soaked";
  CK_ATTRIBUTE data[] = {{CKA_CLASS, &object_class, sizeof object_class},
                         {CKA_TOKEN, &no, sizeof no},
                         {CKA_LABEL, label, sizeof label - 1},
                         {CKA_VALUE, value, sizeof value}};
  CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
  if (P11TAPE_COUNTED(C_CreateObject(session_, data, std::size(data), &made)) != CKR_OK) return;
  P11TAPE_COUNTED(C_SetAttributeValue(session_, made, data + 2, 1));
  P11TAPE_COUNTED(C_DestroyObject(session_, made));
}

void caller::mistakes() {
  CK_SESSION_INFO info;
  CK_BYTE byte = 0;
  CK_ULONG size = 1;
  P11TAPE_COUNTED(C_GetSessionInfo(0xdeadbeef, &info));
  P11TAPE_COUNTED(C_Sign(session_, &byte, 1, &byte, &size));  // nothing was begun
  P11TAPE_COUNTED(C_DestroyObject(session_, 0xdeadbeef));
  P11TAPE_COUNTED(C_GetAttributeValue(session_, secret_, nullptr, 0));
  P11TAPE_COUNTED(C_GenerateRandom(session_, nullptr, 0));
}

void caller::some_calls() {
  if (session_ == CK_INVALID_HANDLE) return open();
  CK_BYTE random[64];
  switch (random_() % 16) {
    case 0:
      return look_around();
    case 1:
    case 2:
      return find();
    case 3:
      return object();
    case 4:
      return mistakes();
    case 5:
      return random_() % 20 == 0 ? finish() : digest();
    case 6:
    case 7:
    case 8:
      return encrypt();
    case 9:
      P11TAPE_COUNTED(C_GenerateRandom(session_, random, sizeof random));
      return;
    default:
      return sign();
  }
}

void caller::finish() {
  if (session_ == CK_INVALID_HANDLE) return;
  P11TAPE_COUNTED(C_CloseSession(session_));
  session_ = CK_INVALID_HANDLE;
}

}  // namespace p11tape::soak
