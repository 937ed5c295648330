// SPDX-License-Identifier: Apache-2.0
// Modules with one fault each: they crash, hang, refuse to start, or print to standard output.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "cryptoki/pkcs11.hpp"

namespace {

CK_RV initialize(CK_VOID_PTR) {
#ifdef P11TAPE_CRASH
  std::abort();
#endif
#ifdef P11TAPE_HANG
  while (true) pause();
#endif
#ifdef P11TAPE_FAIL
  return CKR_DEVICE_ERROR;
#endif
  std::printf("hello from the module\n{\"stage\": \"tokens\"}\n");
  std::fflush(stdout);
  return CKR_OK;
}

CK_RV no_slots(CK_BBOOL, CK_SLOT_ID_PTR, CK_ULONG_PTR count) {
  *count = 0;
  return CKR_OK;
}

CK_RV finalize(CK_VOID_PTR) { return CKR_OK; }

// Never called, but a list without them counts as one with holes.
CK_RV slot_info(CK_SLOT_ID, CK_SLOT_INFO_PTR) { return CKR_GENERAL_ERROR; }
CK_RV token_info(CK_SLOT_ID, CK_TOKEN_INFO_PTR) { return CKR_GENERAL_ERROR; }
CK_RV open_session(CK_SLOT_ID, CK_FLAGS, CK_VOID_PTR, CK_NOTIFY, CK_SESSION_HANDLE_PTR) { return CKR_GENERAL_ERROR; }
CK_RV session(CK_SESSION_HANDLE) { return CKR_GENERAL_ERROR; }
CK_RV login(CK_SESSION_HANDLE, CK_USER_TYPE, CK_UTF8CHAR_PTR, CK_ULONG) { return CKR_GENERAL_ERROR; }
CK_RV find_init(CK_SESSION_HANDLE, CK_ATTRIBUTE_PTR, CK_ULONG) { return CKR_GENERAL_ERROR; }
CK_RV find(CK_SESSION_HANDLE, CK_OBJECT_HANDLE_PTR, CK_ULONG, CK_ULONG_PTR) { return CKR_GENERAL_ERROR; }
CK_RV value(CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE_PTR, CK_ULONG) { return CKR_GENERAL_ERROR; }

CK_FUNCTION_LIST list;

}  // namespace

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out) {
  list.version = {2, 40};
  list.C_Initialize = initialize;
  list.C_Finalize = finalize;
  list.C_GetSlotList = no_slots;
  list.C_GetSlotInfo = slot_info;
  list.C_GetTokenInfo = token_info;
  list.C_OpenSession = open_session;
  list.C_CloseSession = session;
  list.C_Login = login;
  list.C_FindObjectsInit = find_init;
  list.C_FindObjects = find;
  list.C_FindObjectsFinal = session;
  list.C_GetAttributeValue = value;
  *out = &list;
  return CKR_OK;
}
