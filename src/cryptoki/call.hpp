// SPDX-License-Identifier: Apache-2.0
// Calls any function of a module by its row, with its arguments as words: for who goes through all functions in one
// loop, as the replayer and the tests do.
#pragma once

#include <dlfcn.h>

#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include "cryptoki/tables.hpp"

namespace p11tape::cryptoki {

template <class T>
std::uint64_t to_word(T value) noexcept {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<std::uintptr_t>(value);
  } else {
    return static_cast<std::uint64_t>(value);
  }
}

template <class T>
T from_word(std::uint64_t value) noexcept {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<T>(static_cast<std::uintptr_t>(value));
  } else {
    return static_cast<T>(value);
  }
}

/// Where the function pointer lies in each of the function lists: they all begin alike.
inline void* const& slot(const void* list, function f) noexcept {
  const auto at = offsetof(CK_FUNCTION_LIST, C_Initialize) + static_cast<std::size_t>(f) * sizeof(void*);
  return *reinterpret_cast<void* const*>(static_cast<const char*>(list) + at);
}

template <class... Arguments, std::size_t... I>
CK_RV call_with(CK_RV (*target)(Arguments...), const std::uint64_t* words, std::index_sequence<I...>) {
  return target(from_word<Arguments>(words[I])...);
}

template <class... Arguments>
CK_RV call_with(CK_RV (*target)(Arguments...), const std::uint64_t* words) {
  return call_with(target, words, std::index_sequence_for<Arguments...>());
}

/// Calls `target`, which must be a function of that row's type. `words` holds at least as many as the row has
/// arguments.
inline CK_RV call_address(void* target, function f, std::span<const std::uint64_t> words) {
  switch (f) {
#define FN(name, ...)  \
  case function::name: \
    return call_with(reinterpret_cast<decltype(&::name)>(target), words.data());
#include "cryptoki/functions.def"
#undef FN
  }
  return CKR_GENERAL_ERROR;
}

/// Calls a function of a list; the list must be long enough and the slot not NULL.
inline CK_RV call(const void* list, function f, std::span<const std::uint64_t> words) {
  return call_address(slot(list, f), f, words);
}

/// The address that a loaded module exports for a row, or nullptr.
inline void* exported(void* handle, function f) {
  return dlsym(handle, row(f).name.data());  // the names of rows are literals, so they end with NUL
}

}  // namespace p11tape::cryptoki
