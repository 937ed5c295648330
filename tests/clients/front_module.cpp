// SPDX-License-Identifier: Apache-2.0
// A module in front of another, for tests of what tokens may be and SoftHSM is not. Settings are variables:
//
//   FRONT_MODULE   the module behind
//   FRONT_ADD      flags that its tokens have besides, as a number
//   FRONT_CLEAR    flags that they lack
//   FRONT_PIN      logs in by itself with this PIN: with CKF_LOGIN_REQUIRED cleared, a token that needs no PIN
//   FRONT_WHO      a file that gets the user ID and $FRONT_NOTE when the module is loaded
//   FRONT_LOG      a file that gets a line for each C_Login that it is asked for
#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "cryptoki/pkcs11.hpp"

namespace {

CK_FUNCTION_LIST* behind = nullptr;
CK_FUNCTION_LIST front;

CK_FLAGS flags_of(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr ? std::strtoul(value, nullptr, 0) : 0;
}

CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
  const CK_RV rv = behind->C_GetTokenInfo(slot, info);
  if (rv == CKR_OK) info->flags = (info->flags | flags_of("FRONT_ADD")) & ~flags_of("FRONT_CLEAR");
  return rv;
}

// The login is the token's, not the session's: only the first of them does something.
CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void* application, CK_NOTIFY notify, CK_SESSION_HANDLE* session) {
  const CK_RV rv = behind->C_OpenSession(slot, flags, application, notify, session);
  const char* pin = std::getenv("FRONT_PIN");
  if (rv == CKR_OK && pin != nullptr) {
    std::string copy = pin;
    behind->C_Login(*session, CKU_USER, reinterpret_cast<CK_UTF8CHAR_PTR>(copy.data()), copy.size());
  }
  return rv;
}

CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG length) {
  if (const char* file = std::getenv("FRONT_LOG"); file != nullptr)
    if (std::FILE* log = std::fopen(file, "ae"); log != nullptr) {
      std::fputs("C_Login\n", log);
      std::fclose(log);
    }
  return behind->C_Login(session, user, pin, length);
}

CK_RV load() {
  if (const char* file = std::getenv("FRONT_WHO"); file != nullptr)
    if (std::FILE* who = std::fopen(file, "ae"); who != nullptr) {
      const char* note = std::getenv("FRONT_NOTE");
      std::fprintf(who, "%u %s\n", static_cast<unsigned>(geteuid()), note != nullptr ? note : "");
      std::fclose(who);
    }
  const char* path = std::getenv("FRONT_MODULE");
  void* module = path != nullptr ? dlopen(path, RTLD_NOW) : nullptr;
  const auto get =
      reinterpret_cast<CK_C_GetFunctionList>(module != nullptr ? dlsym(module, "C_GetFunctionList") : nullptr);
  if (get == nullptr || get(&behind) != CKR_OK) return CKR_GENERAL_ERROR;
  front = *behind;
  front.C_GetTokenInfo = token_info;
  front.C_OpenSession = open_session;
  front.C_Login = login;
  return CKR_OK;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  if (behind == nullptr)
    if (const CK_RV rv = load(); rv != CKR_OK) return rv;
  *list = &front;
  return CKR_OK;
}
