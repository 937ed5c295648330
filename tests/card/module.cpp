// SPDX-License-Identifier: Apache-2.0
// Small PKCS#11 modules that reach PC/SC in every way in which modules do. FLAVOUR says which; CMakeLists.txt builds
// them.
//
// C_Login sends SELECT and VERIFY to the card, and that is all.
#include <dlfcn.h>
#include <winscard.h>

#include <cstdlib>
#include <cstring>
#include <thread>

#include "cryptoki/pkcs11.hpp"

namespace {

enum class flavours { linked, table, lookup, lookup_default, by_path, at_start, backend, own_thread };
constexpr auto flavour = flavours::FLAVOUR;

struct api {
  decltype(&SCardEstablishContext) establish;
  decltype(&SCardListReaders) readers;
  decltype(&SCardConnect) connect;
  decltype(&SCardTransmit) transmit;
  decltype(&SCardReleaseContext) release;
};

#if P11TAPE_LINKED
// Constant pointers in the data: relocations of their own kind.
const api linked_table = {SCardEstablishContext, SCardListReaders, SCardConnect, SCardTransmit, SCardReleaseContext};
const api* volatile const through_table = &linked_table;
api direct() { return {SCardEstablishContext, SCardListReaders, SCardConnect, SCardTransmit, SCardReleaseContext}; }
#else
api looked_up(void* handle) {
  api a{};
  a.establish = reinterpret_cast<decltype(a.establish)>(dlsym(handle, "SCardEstablishContext"));
  a.readers = reinterpret_cast<decltype(a.readers)>(dlsym(handle, "SCardListReaders"));
  a.connect = reinterpret_cast<decltype(a.connect)>(dlsym(handle, "SCardConnect"));
  a.transmit = reinterpret_cast<decltype(a.transmit)>(dlsym(handle, "SCardTransmit"));
  a.release = reinterpret_cast<decltype(a.release)>(dlsym(handle, "SCardReleaseContext"));
  return a;
}
#endif

api pcsc;
void* opened;
SCARDCONTEXT context;
SCARDHANDLE card;
DWORD protocol;
CK_FUNCTION_LIST* behind;  // the backend's list

#if P11TAPE_AT_START
__attribute__((constructor)) void look_up_early() { pcsc = looked_up(dlopen("libpcsclite.so.1", RTLD_NOW)); }
#endif

bool find_pcsc() {
#if P11TAPE_LINKED
  pcsc = flavour == flavours::table ? *through_table : direct();
#else
  if (flavour == flavours::lookup) pcsc = looked_up(opened = dlopen("libpcsclite.so.1", RTLD_LAZY));
  if (flavour == flavours::lookup_default) {
    dlopen("libpcsclite.so.1", RTLD_LAZY | RTLD_GLOBAL);
    pcsc = looked_up(RTLD_DEFAULT);
  }
  if (flavour == flavours::by_path || flavour == flavours::own_thread)
    pcsc = looked_up(opened = dlopen(std::getenv("VIRTUAL_PCSC"), RTLD_LAZY));
#endif
  return pcsc.transmit != nullptr;
}

CK_RV initialize(void* arguments) {
  if (flavour == flavours::backend) {
    void* const handle = dlopen(std::getenv("VIRTUAL_BACKEND"), RTLD_NOW);
    if (handle == nullptr) return CKR_GENERAL_ERROR;
    reinterpret_cast<CK_C_GetFunctionList>(dlsym(handle, "C_GetFunctionList"))(&behind);
    return behind->C_Initialize(arguments);
  }
  char readers[256];
  DWORD size = sizeof readers;
  if (!find_pcsc()) return CKR_GENERAL_ERROR;
  if (pcsc.establish(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context) != SCARD_S_SUCCESS) return CKR_DEVICE_ERROR;
  if (pcsc.readers(context, nullptr, readers, &size) != SCARD_S_SUCCESS) return CKR_DEVICE_ERROR;
  const LONG rv = pcsc.connect(context, readers, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &card, &protocol);
  return rv == SCARD_S_SUCCESS ? CKR_OK : CKR_TOKEN_NOT_PRESENT;
}

CK_RV finalize(void* arguments) {
  if (flavour == flavours::backend) return behind->C_Finalize(arguments);
  pcsc.release(context);
  if (opened != nullptr) dlclose(opened);
  opened = nullptr;
  return CKR_OK;
}

#if P11TAPE_LINKED
constexpr bool is_linked = true;
LONG call_directly(const SCARD_IO_REQUEST* how, unsigned char* both, DWORD size, DWORD* received) {
  return SCardTransmit(card, how, both, size, nullptr, both, received);
}
#else
constexpr bool is_linked = false;
LONG call_directly(const SCARD_IO_REQUEST*, unsigned char*, DWORD, DWORD*) { return SCARD_F_INTERNAL_ERROR; }
#endif

// Command and response in the same memory, as some modules have them.
unsigned exchange(const unsigned char* command, DWORD size) {
  unsigned char both[300];
  std::memcpy(both, command, size);
  DWORD received = sizeof both;
  const SCARD_IO_REQUEST how{protocol, sizeof how};
  const LONG rv = is_linked && flavour != flavours::table
                      ? call_directly(&how, both, size, &received)
                      : pcsc.transmit(card, &how, both, size, nullptr, both, &received);
  if (rv != SCARD_S_SUCCESS || received < 2) return 0;
  return unsigned{both[received - 2]} << 8 | both[received - 1];
}

CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR* pin, CK_ULONG size) {
  if (flavour == flavours::backend) return behind->C_Login(session, user, pin, size);
  static const unsigned char select[] = {0, 0xa4, 4, 0, 5, 0xa0, 0, 0, 3, 8};
  unsigned char verify[13] = {0, 0x20, 0, 0x80, 8, 255, 255, 255, 255, 255, 255, 255, 255};
  std::memcpy(verify + 5, pin, size < 8 ? size : 8);
  unsigned sw = 0;
  const auto work = [&] {
    exchange(select, sizeof select);
    sw = exchange(verify, sizeof verify);
  };
  if (flavour == flavours::own_thread) {
    std::thread(work).join();
  } else {
    work();
  }
  return sw == 0x9000              ? CKR_OK
         : sw == 0x6983            ? CKR_PIN_LOCKED
         : (sw & 0xfff0) == 0x63c0 ? CKR_PIN_INCORRECT
                                   : CKR_DEVICE_ERROR;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  static CK_FUNCTION_LIST functions{};
  functions.version = {2, 40};
  functions.C_Initialize = initialize;
  functions.C_Finalize = finalize;
  functions.C_Login = login;
  functions.C_GetFunctionList = C_GetFunctionList;
  *list = &functions;
  return CKR_OK;
}
#pragma GCC visibility pop
