// SPDX-License-Identifier: Apache-2.0
#include "shim/interfaces.hpp"

#include <cstring>

#include "shim/lists.hpp"
#include "shim/module.hpp"

namespace p11tape::shim {
namespace {

// A module without C_GetInterface, or one that only pretends to have it (CKR_FUNCTION_NOT_SUPPORTED), has the one
// interface that its 2.x list is. Only the exported functions answer so: in a list of the module's, its gaps are its
// own.
CK_RV only_interface_list(CK_INTERFACE_PTR pInterfacesList, CK_ULONG_PTR pulCount) {
  if (pulCount == nullptr) return CKR_ARGUMENTS_BAD;
  const CK_ULONG room = *pulCount;
  *pulCount = 1;
  if (pInterfacesList == nullptr) return CKR_OK;
  if (room < 1) return CKR_BUFFER_TOO_SMALL;
  *pInterfacesList = *only_interface();
  return CKR_OK;
}

CK_RV only_matching_interface(CK_UTF8CHAR_PTR pInterfaceName, CK_VERSION_PTR pVersion, CK_INTERFACE_PTR_PTR ppInterface,
                              CK_FLAGS flags) {
  if (ppInterface == nullptr) return CKR_ARGUMENTS_BAD;
  CK_INTERFACE* const only = only_interface();
  const CK_VERSION has = static_cast<CK_FUNCTION_LIST_PTR>(only->pFunctionList)->version;
  const bool name =
      pInterfaceName == nullptr || std::strcmp(reinterpret_cast<const char*>(pInterfaceName), "PKCS 11") == 0;
  const bool version = pVersion == nullptr || (pVersion->major == has.major && pVersion->minor == has.minor);
  if (!name || !version || flags != 0) return CKR_ARGUMENTS_BAD;
  *ppInterface = only;
  return CKR_OK;
}

}  // namespace

CK_RV get_function_list(CK_C_GetFunctionList real, CK_FUNCTION_LIST_PTR_PTR ppFunctionList) {
  if (real == nullptr) return CKR_FUNCTION_NOT_SUPPORTED;
  if (ppFunctionList == nullptr) return real(nullptr);
  CK_FUNCTION_LIST_PTR list = nullptr;
  const CK_RV rv = real(&list);
  if (rv != CKR_OK) return rv;
  if (list != nullptr)
    if (auto* ours = adopt_list(list, cryptoki::version::v2_40)) list = reinterpret_cast<CK_FUNCTION_LIST_PTR>(ours);
  *ppFunctionList = list;
  return rv;
}

CK_RV get_interface_list(int set, CK_C_GetInterfaceList real, CK_INTERFACE_PTR pInterfacesList, CK_ULONG_PTR pulCount) {
  const CK_ULONG room = pulCount != nullptr && pInterfacesList != nullptr ? *pulCount : 0;
  const CK_RV rv = real != nullptr ? real(pInterfacesList, pulCount) : CKR_FUNCTION_NOT_SUPPORTED;
  if (rv == CKR_FUNCTION_NOT_SUPPORTED && set == 0) return only_interface_list(pInterfacesList, pulCount);
  if (rv == CKR_OK && pInterfacesList != nullptr && pulCount != nullptr)
    for (CK_ULONG i = 0; i < *pulCount && i < room; ++i)
      pInterfacesList[i].pFunctionList = adopt_interface_list(pInterfacesList[i]);
  return rv;
}

CK_RV get_interface(int set, CK_C_GetInterface real, CK_UTF8CHAR_PTR pInterfaceName, CK_VERSION_PTR pVersion,
                    CK_INTERFACE_PTR_PTR ppInterface, CK_FLAGS flags) {
  CK_INTERFACE_PTR found = nullptr;
  const CK_RV rv = real != nullptr ? real(pInterfaceName, pVersion, ppInterface != nullptr ? &found : nullptr, flags)
                                   : CKR_FUNCTION_NOT_SUPPORTED;
  if (rv == CKR_FUNCTION_NOT_SUPPORTED && set == 0)
    return only_matching_interface(pInterfaceName, pVersion, ppInterface, flags);
  // CKR_OK without an interface is forwarded as it is: the caller sees what it would have seen without us.
  if (rv == CKR_OK && ppInterface != nullptr) *ppInterface = found != nullptr ? adopt_interface(found) : nullptr;
  return rv;
}

}  // namespace p11tape::shim
