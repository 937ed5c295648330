// SPDX-License-Identifier: Apache-2.0
#include "replay/module.hpp"

#include <stdexcept>

namespace p11tape::replay {

using cryptoki::function;

module::module(const std::string& path) :handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ != nullptr) return;
  const char* why = dlerror();
  throw std::runtime_error("cannot load the module: " + std::string(why != nullptr ? why : path));
}

module::choice module::choose(unsigned major, unsigned minor) {
  std::string trouble;
  if (major >= 3) {
    if (void* const get = cryptoki::exported(handle_, function::C_GetInterface); get != nullptr) {
      CK_VERSION wanted{static_cast<CK_BYTE>(major), static_cast<CK_BYTE>(minor)};
      CK_INTERFACE* found = nullptr;
      CK_UTF8CHAR name[] = "PKCS 11";
      const auto ask = reinterpret_cast<CK_C_GetInterface>(get);
      if (ask(name, &wanted, &found, 0) == CKR_OK && found != nullptr && found->pFunctionList != nullptr) {
        list_ = static_cast<const CK_FUNCTION_LIST*>(found->pFunctionList);
        functions_ =
            cryptoki::functions_in(minor >= 2 || major > 3 ? cryptoki::version::v3_2 : cryptoki::version::v3_0);
        return {true, {}};
      }
    }
    trouble = "the recorded program used the interface " + std::to_string(major) + "." + std::to_string(minor) +
              ", which this module does not have: functions newer than 2.40 are missing";
  }
  CK_FUNCTION_LIST* list = nullptr;
  void* const get = cryptoki::exported(handle_, function::C_GetFunctionList);
  if (get == nullptr) return {false, "the module does not export C_GetFunctionList, so it is not a PKCS#11 module"};
  if (const CK_RV rv = reinterpret_cast<CK_C_GetFunctionList>(get)(&list); rv != CKR_OK || list == nullptr)
    return {false, "C_GetFunctionList of the module returned no function list"};
  // By how it was obtained it has 68 functions, whatever its version says: some modules lie.
  list_ = list;
  functions_ = cryptoki::functions_in(cryptoki::version::v2_40);
  return {true, std::move(trouble)};
}

void* module::address(function f) const noexcept {
  if (hands_out_lists(f)) return cryptoki::exported(handle_, f);
  return list_ != nullptr && static_cast<std::size_t>(f) < functions_ ? cryptoki::slot(list_, f) : nullptr;
}

}  // namespace p11tape::replay
