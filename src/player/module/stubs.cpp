// SPDX-License-Identifier: Apache-2.0
// Every exported function, made from its row: its arguments as words, and the player's answer.
#pragma GCC visibility push(default)
#include "cryptoki/pkcs11.hpp"
#pragma GCC visibility pop

#include <type_traits>

#include "cryptoki/each.hpp"
#include "player/module/lists.hpp"
#include "player/module/module.hpp"

namespace p11tape::player {
namespace {

using cryptoki::function;

template <class T>
u64 word(T value) noexcept {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<std::uintptr_t>(value);
  } else {
    return value;
  }
}

template <function F, class... A>
CK_RV answer(A... arguments) noexcept {
  if constexpr (F == function::C_GetFunctionList) {
    return guarded([&] { return get_function_list(arguments...); });
  } else if constexpr (F == function::C_GetInterfaceList) {
    return guarded([&] { return get_interface_list(arguments...); });
  } else if constexpr (F == function::C_GetInterface) {
    return guarded([&] { return get_interface(arguments...); });
  } else {
    const u64 words[] = {word(arguments)...};
    return play(F, words);
  }
}

}  // namespace
}  // namespace p11tape::player

#define P11TAPE_PARAMETER(T, N, ...) T N
#define P11TAPE_ARGUMENT(T, N, ...) N
#define FN(name, since, family, does, ...)                                    \
  extern "C" CK_RV name(P11TAPE_EACH_COMMA(P11TAPE_PARAMETER, __VA_ARGS__)) { \
    return p11tape::player::answer<p11tape::cryptoki::function::name>(        \
        P11TAPE_EACH_COMMA(P11TAPE_ARGUMENT, __VA_ARGS__));                   \
  }
#include "cryptoki/functions.def"
#undef FN

namespace p11tape::player {

any_function own_function(std::size_t number) noexcept {
  static const any_function functions[] = {
#define FN(name, ...) reinterpret_cast<any_function>(&::name),
#include "cryptoki/functions.def"
#undef FN
  };
  return functions[number];
}

}  // namespace p11tape::player
