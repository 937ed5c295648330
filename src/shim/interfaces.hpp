// SPDX-License-Identifier: Apache-2.0
// The three functions that hand out lists: the module is asked, and the caller gets our lists for its.
#pragma once

#include "cryptoki/pkcs11.hpp"

namespace p11tape::shim {

CK_RV get_function_list(CK_C_GetFunctionList real, CK_FUNCTION_LIST_PTR_PTR ppFunctionList);
CK_RV get_interface_list(int set, CK_C_GetInterfaceList real, CK_INTERFACE_PTR pInterfacesList, CK_ULONG_PTR pulCount);
CK_RV get_interface(int set, CK_C_GetInterface real, CK_UTF8CHAR_PTR pInterfaceName, CK_VERSION_PTR pVersion,
                    CK_INTERFACE_PTR_PTR ppInterface, CK_FLAGS flags);

}  // namespace p11tape::shim
