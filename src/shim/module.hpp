// SPDX-License-Identifier: Apache-2.0
// The real module: finding it, loading it once, and what its function lists point at.
//
// Everything lives in static memory without destructors and is never unloaded: calls come before C_Initialize, after
// C_Finalize, from exit handlers and after static destructors, and are forwarded all the same.
#pragma once

#include <atomic>

#include "cryptoki/pkcs11.hpp"
#include "cryptoki/tables.hpp"

namespace p11tape::shim {

using any_function = void (*)();

/// A set of functions to forward to. A module's lists usually share one; a list whose functions differ from those that
/// are known gets a set of its own, with stubs of its own that lead to it.
struct target_set {
  std::atomic<any_function> function[cryptoki::function_count];
};

inline constexpr int set_count = 4;

/// Set 0 is what the exported symbols lead to.
extern target_set targets[set_count];

/// True once the module has been loaded: one load, for the hot path.
extern std::atomic<bool> ready;

/// Loads the module if nobody has yet. CKR_OK, or CKR_GENERAL_ERROR when that failed; then it has been said why.
CK_RV load_module() noexcept;

/// What the module says of its function list before C_Initialize.
CK_FUNCTION_LIST_PTR module_list() noexcept;

/// Whose function an entry of the module's list is. A host that loads a shim with RTLD_GLOBAL makes the module bind its
/// own names to the shim's: to ours, or to another that stands before us.
enum class owner {
  module,    ///< or a library of its own, under another name
  shim,      ///< ours
  stranger,  ///< the function that another object exports by this name
};
owner owner_of(any_function f, const char* name) noexcept;

/// What the module, or a library of its own, exports by that name; nullptr where there is nothing but ours.
any_function own_function(const char* name) noexcept;

}  // namespace p11tape::shim
