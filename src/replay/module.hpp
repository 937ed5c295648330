// SPDX-License-Identifier: Apache-2.0
// A real module, opened as a program would open it, and its functions by row.
//
// It is called through one function list: the 3.x interface where the recorded program had asked for one, else that of
// C_GetFunctionList. The functions that hand out lists are called by their exported names, as programs have to.
#pragma once

#include <string>

#include "cryptoki/call.hpp"

namespace p11tape::replay {

class module {
 public:
  /// Throws std::runtime_error with a sentence. The module is never unloaded: it may have threads and exit handlers.
  explicit module(const std::string& path);

  struct choice {
    bool usable = false;  ///< there is a function list
    std::string trouble;  ///< a sentence where there is none, or where it is older than the one that is asked for
  };

  /// Takes the function list.
  choice choose(unsigned major, unsigned minor);

  /// False where the list is too short or has a hole there, or the name is not exported.
  bool has(cryptoki::function f) const noexcept { return address(f) != nullptr; }

  /// CKR_FUNCTION_NOT_SUPPORTED where there is none.
  CK_RV call(cryptoki::function f, std::span<const std::uint64_t> words) const {
    void* const at = address(f);
    return at != nullptr ? cryptoki::call_address(at, f, words) : CKR_FUNCTION_NOT_SUPPORTED;
  }

  /// The list as its 2.40 part, which they all begin with.
  const CK_FUNCTION_LIST* list() const noexcept { return list_; }

 private:
  void* address(cryptoki::function f) const noexcept;

  void* handle_ = nullptr;
  const CK_FUNCTION_LIST* list_ = nullptr;
  std::size_t functions_ = 0;
};

/// True for the three functions that programs get lists from.
constexpr bool hands_out_lists(cryptoki::function f) noexcept {
  return f == cryptoki::function::C_GetFunctionList || f == cryptoki::function::C_GetInterfaceList ||
         f == cryptoki::function::C_GetInterface;
}

}  // namespace p11tape::replay
