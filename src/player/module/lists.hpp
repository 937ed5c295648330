// SPDX-License-Identifier: Apache-2.0
// The function lists and interfaces that the player hands out: of the versions that the recorded module had.
#pragma once

#include <cstddef>

#include "cryptoki/pkcs11.hpp"

namespace p11tape::player {

using any_function = void (*)();

/// The player's function of that number (a cryptoki::function).
any_function own_function(std::size_t number) noexcept;

CK_RV get_function_list(CK_FUNCTION_LIST_PTR_PTR out);
CK_RV get_interface_list(CK_INTERFACE_PTR out, CK_ULONG_PTR count);
CK_RV get_interface(CK_UTF8CHAR_PTR name, CK_VERSION_PTR version, CK_INTERFACE_PTR_PTR out, CK_FLAGS flags);

}  // namespace p11tape::player
