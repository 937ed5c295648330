// SPDX-License-Identifier: Apache-2.0
#include "replay/callbacks.hpp"

#include <mutex>
#include <new>

#include "cryptoki/call.hpp"

namespace p11tape::replay {
namespace {

CK_RV create(CK_VOID_PTR_PTR out) {
  if (out == nullptr) return CKR_ARGUMENTS_BAD;
  *out = new (std::nothrow) std::mutex;
  return *out != nullptr ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV destroy(CK_VOID_PTR mutex) {
  delete static_cast<std::mutex*>(mutex);
  return CKR_OK;
}

CK_RV lock(CK_VOID_PTR mutex) {
  if (mutex == nullptr) return CKR_MUTEX_BAD;
  static_cast<std::mutex*>(mutex)->lock();
  return CKR_OK;
}

CK_RV unlock(CK_VOID_PTR mutex) {
  if (mutex == nullptr) return CKR_MUTEX_BAD;
  static_cast<std::mutex*>(mutex)->unlock();
  return CKR_OK;
}

CK_RV notify(CK_SESSION_HANDLE, CK_NOTIFICATION, CK_VOID_PTR) { return CKR_OK; }

}  // namespace

tape::u64 callback_for(std::string_view type) noexcept {
  if (type == "CK_CREATEMUTEX") return cryptoki::to_word(&create);
  if (type == "CK_DESTROYMUTEX") return cryptoki::to_word(&destroy);
  if (type == "CK_LOCKMUTEX") return cryptoki::to_word(&lock);
  if (type == "CK_UNLOCKMUTEX") return cryptoki::to_word(&unlock);
  return type == "CK_NOTIFY" ? cryptoki::to_word(&notify) : 0;
}

}  // namespace p11tape::replay
