// SPDX-License-Identifier: Apache-2.0
// A host whose pointers and lengths are wrong in the ways that memcheck knows: freed memory, blocks that are shorter than
// their length says, and buffers that nobody has written yet. The module takes no interest in any of it.
//
//   memcheck-host SHIM [wrong]
#include <dlfcn.h>

#include <cstdlib>
#include <cstring>

#include "p11tape/pkcs11.h"

int main(int argc, char** argv) {
  if (argc < 2) return 64;
  void* const shim = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (shim == nullptr) return 2;
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(shim, "C_GetFunctionList"));
  CK_FUNCTION_LIST_PTR list = nullptr;
  if (get == nullptr || get(&list) != CKR_OK) return 3;
  list->C_Initialize(nullptr);

  auto* const freed = static_cast<CK_BYTE*>(std::malloc(4096));
  std::memset(freed, 'f', 4096);
  auto* const fresh = static_cast<CK_BYTE*>(std::malloc(4096));  // written by nobody
  auto* const brief = static_cast<CK_BYTE*>(std::malloc(8));
  std::memset(brief, '1', 8);
  // volatile: the compiler must not see what is done with it
  CK_BYTE* const volatile gone = freed;
  std::free(freed);

  list->C_Login(1, CKU_USER, gone, 6);
  list->C_Login(1, CKU_USER, brief, 100);
  CK_ATTRIBUTE given[] = {{CKA_LABEL, gone, 20}, {CKA_ID, brief, 64}, {CKA_APPLICATION, brief, 8}};
  CK_OBJECT_HANDLE object = 0;
  list->C_CreateObject(1, given, 3, &object);
  CK_ATTRIBUTE asked[] = {
      {CKA_LABEL, fresh, 32}, {CKA_ID, gone, 32}, {CKA_VALUE, brief, 4096}, {CKA_SUBJECT, fresh, 4096}};
  list->C_GetAttributeValue(1, 1, asked, 4);
  CK_MECHANISM mechanism{CKM_AES_CBC, gone, 16};
  list->C_EncryptInit(1, &mechanism, 1);
  auto* const token = static_cast<CK_TOKEN_INFO*>(std::malloc(sizeof(CK_TOKEN_INFO)));
  list->C_GetTokenInfo(0, token);
  auto* const session = static_cast<CK_SESSION_HANDLE*>(std::malloc(sizeof(CK_SESSION_HANDLE)));
  list->C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, session);
  list->C_Finalize(nullptr);
  if (argc > 2 && gone[5] == 'f') return 4;
  std::free(fresh);
  std::free(brief);
  std::free(token);
  std::free(session);
}
