// SPDX-License-Identifier: Apache-2.0
// Function lists and interfaces: for each that the module hands out, one of ours with the same version, order and gaps.
//
// - Lists are known by the module's pointer, and stay valid for the life of the process.
// - A list that came from C_GetFunctionList is read as the 68 functions of 2.40, whatever version it claims; one from
//   C_GetInterface by its version (3.1 has the layout of 3.0; a later one is read as far as 3.2 goes).
// - Ours always have room for the functions of 3.2, so that a caller who believes a lying version finds functions that
//   answer CKR_FUNCTION_NOT_SUPPORTED, and not the end of the memory.
// - An entry that is NULL in the module's list is NULL in ours.
// - The module's CK_INTERFACE is never written to; an interface of another name is passed through as it is, and said.
#pragma once

#include "cryptoki/pkcs11.hpp"
#include "cryptoki/tables.hpp"

namespace p11tape::shim {

/// Our list for the module's. nullptr where there is no room left for one: then the caller gets the module's own.
CK_FUNCTION_LIST_3_2* adopt_list(const void* list, cryptoki::version layout) noexcept;

/// Our list for one of an interface, or the module's own where it cannot be stood in for.
void* adopt_interface_list(const CK_INTERFACE& interface) noexcept;

/// Our interface for the module's; the module's own where it cannot be stood in for.
CK_INTERFACE* adopt_interface(CK_INTERFACE* interface) noexcept;

/// The interface of a module that has no C_GetInterface: "PKCS 11" with its 2.x list.
CK_INTERFACE* only_interface() noexcept;

}  // namespace p11tape::shim
