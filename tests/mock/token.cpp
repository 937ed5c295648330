// SPDX-License-Identifier: Apache-2.0
// The token behind the mock: one slot, one token, one PIN, a counter for sessions. What is not here answers by its row.
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <mutex>
#include <set>
#include <string_view>

#include "mock.hpp"

namespace p11tape::mock {
namespace {

constexpr CK_SLOT_ID slot_id = 1;
constexpr std::string_view user_pin = "12345678";
constexpr CK_MECHANISM_TYPE mechanisms[] = {CKM_RSA_PKCS,    CKM_SHA256_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_AES_GCM,
                                            CKM_AES_CBC_PAD, CKM_SHA256,          CKM_AES_KEY_GEN};

std::atomic<bool> ready;
std::atomic<pid_t> owner;
std::atomic<bool> logged_in;

struct session {
  CK_FLAGS flags = 0;
  CK_NOTIFY notify = nullptr;
  void* application = nullptr;
};
std::mutex guard;  // never held while anything of the caller's runs
CK_SESSION_HANDLE last_session;
std::set<CK_SESSION_HANDLE> open_sessions;
session newest;

// A child of fork may come into being while another thread holds the lock.
[[gnu::constructor]] void care_for_fork() {
  pthread_atfork([] { guard.lock(); }, [] { guard.unlock(); }, [] { guard.unlock(); });
}

// The standard's strings are padded with blanks and have no end.
template <std::size_t N>
void pad(CK_UTF8CHAR (&to)[N], std::string_view text) {
  std::memset(to, ' ', N);
  std::memcpy(to, text.data(), std::min(N, text.size()));
}

bool initialised() { return ready && (!options.forget_in_child || owner == getpid()); }

CK_RV initialise() {
  if (initialised()) return CKR_CRYPTOKI_ALREADY_INITIALIZED;
  owner = getpid();
  ready = true;
  return CKR_OK;
}

CK_RV finalise(word reserved) {
  if (reserved != 0) return CKR_ARGUMENTS_BAD;
  if (!initialised()) return CKR_CRYPTOKI_NOT_INITIALIZED;
  reset_token();
  return CKR_OK;
}

CK_RV info(CK_INFO* out) {
  if (out == nullptr) return CKR_ARGUMENTS_BAD;
  *out = {};
  out->cryptokiVersion = {3, 2};
  pad(out->manufacturerID, "p11tape tests");
  pad(out->libraryDescription, "mock module");
  out->libraryVersion = {1, 2};
  return CKR_OK;
}

// A list of numbers with a count: the size query, CKR_BUFFER_TOO_SMALL, or the list.
CK_RV list(function f, const CK_ULONG* items, CK_ULONG n, word out, word count) {
  if (count == 0) return CKR_ARGUMENTS_BAD;
  auto* const length = pointer<CK_ULONG>(count);
  const auto capacity = *length;
  write_count(f, length, n);
  if (out == 0) return CKR_OK;
  if (capacity < n) return CKR_BUFFER_TOO_SMALL;
  std::copy_n(items, n, pointer<CK_ULONG>(out));
  return CKR_OK;
}

CK_RV slot_info(word slot, CK_SLOT_INFO* out) {
  if (slot != slot_id) return CKR_SLOT_ID_INVALID;
  if (out == nullptr) return CKR_ARGUMENTS_BAD;
  *out = {};
  pad(out->slotDescription, "mock slot");
  pad(out->manufacturerID, "p11tape tests");
  out->flags = CKF_TOKEN_PRESENT | CKF_REMOVABLE_DEVICE;
  return CKR_OK;
}

CK_RV token_info(word slot, CK_TOKEN_INFO* out) {
  if (slot != slot_id) return CKR_SLOT_ID_INVALID;
  if (out == nullptr) return CKR_ARGUMENTS_BAD;
  *out = {};
  pad(out->label, "mock token");
  pad(out->manufacturerID, "p11tape tests");
  pad(out->model, "mock");
  pad(out->serialNumber, "0123456789abcdef");
  out->flags = CKF_RNG | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED | CKF_TOKEN_INITIALIZED;
  out->ulMaxSessionCount = CK_EFFECTIVELY_INFINITE;
  out->ulSessionCount = CK_UNAVAILABLE_INFORMATION;
  out->ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE;
  out->ulRwSessionCount = CK_UNAVAILABLE_INFORMATION;
  out->ulMaxPinLen = 64;
  out->ulMinPinLen = 4;
  out->ulTotalPublicMemory = out->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
  out->ulTotalPrivateMemory = out->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
  pad(out->utcTime, "2030010112000000");
  return CKR_OK;
}

CK_RV mechanism_info(word slot, word type, CK_MECHANISM_INFO* out) {
  if (slot != slot_id) return CKR_SLOT_ID_INVALID;
  if (out == nullptr) return CKR_ARGUMENTS_BAD;
  if (std::find(std::begin(mechanisms), std::end(mechanisms), type) == std::end(mechanisms))
    return CKR_MECHANISM_INVALID;
  *out = {1024, 4096, CKF_HW | CKF_SIGN | CKF_VERIFY};
  return CKR_OK;
}

CK_RV open_session(const word* w) {
  if (w[0] != slot_id) return CKR_SLOT_ID_INVALID;
  if (w[4] == 0) return CKR_ARGUMENTS_BAD;
  if ((w[1] & CKF_SERIAL_SESSION) == 0) return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
  const std::lock_guard hold(guard);
  newest = {w[1], reinterpret_cast<CK_NOTIFY>(w[3]), pointer<void>(w[2])};
  open_sessions.insert(++last_session);
  *pointer<CK_SESSION_HANDLE>(w[4]) = last_session;
  return CKR_OK;
}

CK_RV close_session(word handle) {
  const std::lock_guard hold(guard);
  return open_sessions.erase(handle) == 1 ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

CK_RV close_all_sessions() {
  const std::lock_guard hold(guard);
  open_sessions.clear();
  logged_in = false;
  return CKR_OK;
}

CK_RV session_info(CK_SESSION_INFO* out) {
  if (out == nullptr) return CKR_ARGUMENTS_BAD;
  const std::lock_guard hold(guard);
  const bool writes = (newest.flags & CKF_RW_SESSION) != 0;
  const CK_STATE state = logged_in ? (writes ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS)
                                   : (writes ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION);
  *out = {slot_id, state, newest.flags, 0};
  return CKR_OK;
}

CK_RV login(word pin, word length) {
  if (logged_in) return CKR_USER_ALREADY_LOGGED_IN;
  // NULL: a PIN pad.
  if (pin != 0 && std::string_view(pointer<const char>(pin), length) != user_pin) return CKR_PIN_INCORRECT;
  logged_in = true;
  return CKR_OK;
}

CK_RV wait_for_slot_event(word flags, word slot) {
  if ((flags & CKF_DONT_BLOCK) != 0) return CKR_NO_EVENT;
  if (slot == 0) return CKR_ARGUMENTS_BAD;
  const timespec pause{0, 1000000};
  while (ready) nanosleep(&pause, nullptr);
  return CKR_CRYPTOKI_NOT_INITIALIZED;
}

// True for functions that only work on a session, where that session is not open.
bool bad_session(function f, const word* w) {
  if (!options.check_sessions || cryptoki::row(f).arguments[0].meaning != "session") return false;
  const std::lock_guard hold(guard);
  return !open_sessions.contains(w[0]);
}

}  // namespace

void reset_token() {
  const std::lock_guard hold(guard);
  ready = false;
  logged_in = false;
  open_sessions.clear();
  newest = {};
}

CK_RV notify() {
  session s;
  CK_SESSION_HANDLE handle = 0;
  {
    const std::lock_guard hold(guard);
    s = newest;
    handle = last_session;
  }
  return s.notify == nullptr ? CKR_OK : s.notify(handle, CKN_SURRENDER, s.application);
}

CK_RV answer(function f, const word* w) {
  switch (f) {
    case function::C_GetFunctionList:
      return get_function_list(pointer<CK_FUNCTION_LIST_PTR>(w[0]));
    case function::C_GetInterfaceList:
      return get_interface_list(pointer<CK_INTERFACE>(w[0]), pointer<CK_ULONG>(w[1]));
    case function::C_GetInterface:
      return get_interface(pointer<CK_UTF8CHAR>(w[0]), pointer<CK_VERSION>(w[1]), pointer<CK_INTERFACE_PTR>(w[2]),
                           w[3]);
    case function::C_Initialize:
      return initialise();
    case function::C_Finalize:
      return finalise(w[0]);
    default:
      break;
  }
  if (!initialised()) return CKR_CRYPTOKI_NOT_INITIALIZED;
  if (bad_session(f, w)) return CKR_SESSION_HANDLE_INVALID;
  switch (f) {
    case function::C_GetInfo:
      return info(pointer<CK_INFO>(w[0]));
    case function::C_GetSlotList:
      return list(f, &slot_id, 1, w[1], w[2]);
    case function::C_GetSlotInfo:
      return slot_info(w[0], pointer<CK_SLOT_INFO>(w[1]));
    case function::C_GetTokenInfo:
      return token_info(w[0], pointer<CK_TOKEN_INFO>(w[1]));
    case function::C_GetMechanismList:
      return w[0] == slot_id ? list(f, mechanisms, std::size(mechanisms), w[1], w[2]) : CKR_SLOT_ID_INVALID;
    case function::C_GetMechanismInfo:
      return mechanism_info(w[0], w[1], pointer<CK_MECHANISM_INFO>(w[2]));
    case function::C_OpenSession:
      return open_session(w);
    case function::C_CloseSession:
      return close_session(w[0]);
    case function::C_CloseAllSessions:
      return close_all_sessions();
    case function::C_GetSessionInfo:
      return session_info(pointer<CK_SESSION_INFO>(w[1]));
    case function::C_Login:
    case function::C_LoginUser:
      return login(w[2], w[3]);
    case function::C_Logout:
      return logged_in.exchange(false) ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
    case function::C_GetAttributeValue:
      return get_attributes(w[1], pointer<CK_ATTRIBUTE>(w[2]), w[3]);
    case function::C_FindObjectsInit:
      return find_init(pointer<CK_ATTRIBUTE>(w[1]), w[2]);
    case function::C_FindObjects:
      return find_next(pointer<CK_OBJECT_HANDLE>(w[1]), w[2], pointer<CK_ULONG>(w[3]));
    case function::C_FindObjectsFinal:
      return find_final();
    case function::C_GetFunctionStatus:
    case function::C_CancelFunction:
      return CKR_FUNCTION_NOT_PARALLEL;
    case function::C_WaitForSlotEvent:
      return wait_for_slot_event(w[0], w[1]);
    default:
      return fill_outputs(f, w);
  }
}

}  // namespace p11tape::mock
