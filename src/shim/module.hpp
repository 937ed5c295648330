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

/// True if the address lies in this shared object.
bool is_ours(const void* address) noexcept;

/// The module's own function of that name, when a list's entry leads into this shim: a host that loaded us with
/// RTLD_GLOBAL makes a module bind its own names to ours.
any_function own_function(const char* name) noexcept;

}  // namespace p11tape::shim
