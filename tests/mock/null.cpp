// SPDX-License-Identifier: Apache-2.0
// p11tape-null.so: a module whose every function returns CKR_OK at once, to measure what stands in front of it.
#include <algorithm>
#include <tuple>
#include <type_traits>
#include <utility>

#include "cryptoki/tables.hpp"

namespace p11tape::mock {
namespace {

using cryptoki::flow;
using cryptoki::function;
using cryptoki::redaction_class;
using cryptoki::shape;

// Of the argument that `Counter` counts; -1: none. (No address: with sanitizers, g++ takes none for a constant.)
template <function F, std::size_t Counter>
consteval int counted() {
  const auto& all = cryptoki::row(F).arguments;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].way == flow::out && all[i].count == static_cast<int>(Counter)) return static_cast<int>(i);
  return -1;
}

template <function F, std::size_t Counter>
consteval bool counts_bytes() {
  constexpr int at = counted<F, Counter>();
  if constexpr (at < 0)
    return false;
  else
    return cryptoki::row(F).arguments[static_cast<std::size_t>(at)].kind == shape::bytes;
}

template <function F, std::size_t Counter>
consteval bool counts_signature() {
  constexpr int at = counted<F, Counter>();
  if constexpr (at < 0)
    return false;
  else
    return cryptoki::row(F).arguments[static_cast<std::size_t>(at)].secret == redaction_class::signature;
}

// The least that callers rely on: a handle, a count, a length.
template <function F, std::size_t I, class T>
void give([[maybe_unused]] T value) {
  if constexpr (std::is_same_v<T, CK_ULONG_PTR>) {
    constexpr auto way = cryptoki::row(F).arguments[I].way;
    if (value == nullptr) return;
    if constexpr (counts_bytes<F, I>()) {
      if constexpr (counts_signature<F, I>()) *value = std::min(*value, CK_ULONG{256});
    } else if constexpr (way == flow::out) {
      *value = counted<F, I>() < 0 ? 1 : 0;
    }
  }
}

template <function F, class... Arguments>
CK_RV answer(Arguments... arguments) {
  [&]<std::size_t... I>(std::index_sequence<I...>) { (give<F, I>(arguments), ...); }
  (std::index_sequence_for<Arguments...>());
  return CKR_OK;
}

extern CK_FUNCTION_LIST_3_2 everything;
extern CK_FUNCTION_LIST function_list;
char interface_name[] = "PKCS 11";
CK_INTERFACE interfaces[] = {
    {reinterpret_cast<decltype(CK_INTERFACE::pInterfaceName)>(interface_name), &everything, 0}};

template <>
CK_RV answer<function::C_GetFunctionList>(CK_FUNCTION_LIST_PTR_PTR out) {
  if (out == nullptr) return CKR_ARGUMENTS_BAD;
  *out = &function_list;
  return CKR_OK;
}

template <>
CK_RV answer<function::C_GetInterfaceList>(CK_INTERFACE_PTR out, CK_ULONG_PTR count) {
  if (count == nullptr) return CKR_ARGUMENTS_BAD;
  if (out != nullptr && *count < 1) return CKR_BUFFER_TOO_SMALL;
  if (out != nullptr) *out = interfaces[0];
  *count = 1;
  return CKR_OK;
}

template <>
CK_RV answer<function::C_GetInterface>(CK_UTF8CHAR_PTR, CK_VERSION_PTR, CK_INTERFACE_PTR_PTR out, CK_FLAGS) {
  if (out == nullptr) return CKR_ARGUMENTS_BAD;
  *out = interfaces;
  return CKR_OK;
}

}  // namespace
}  // namespace p11tape::mock

#define P11TAPE_PARAMETER(T, N, ...) T N
#define P11TAPE_NAME(T, N, ...) N
#define FN(name, since, family, does, ...)                                                                           \
  extern "C" __attribute__((visibility("default"))) CK_RV name(P11TAPE_EACH_COMMA(P11TAPE_PARAMETER, __VA_ARGS__)) { \
    return p11tape::mock::answer<p11tape::mock::function::name>(P11TAPE_EACH_COMMA(P11TAPE_NAME, __VA_ARGS__));      \
  }
#include "cryptoki/functions.def"
#undef FN

namespace p11tape::mock {
namespace {

#define FN(name, ...) &::name,
CK_FUNCTION_LIST_3_2 everything = {
    {3, 2},
#include "cryptoki/functions.def"
};
#undef FN

#define P11TAPE_NULL_v2_40(name) &::name,
#define P11TAPE_NULL_v3_0(name)
#define P11TAPE_NULL_v3_2(name)
#define FN(name, since, ...) P11TAPE_NULL_##since(name)
CK_FUNCTION_LIST function_list = {
    {2, 40},
#include "cryptoki/functions.def"
};
#undef FN

}  // namespace
}  // namespace p11tape::mock
