// SPDX-License-Identifier: Apache-2.0
// Every exported function, made from its row: load the module if need be, record, forward, record, answer.
//
// No object with a destructor lives across a forwarded call, and no exception is known here: cancellation and
// exceptions of the host pass through.
#pragma GCC visibility push(default)
#include "cryptoki/pkcs11.hpp"
#pragma GCC visibility pop

#include "shim/stubs.hpp"

#include <cstdint>
#include <type_traits>

#include "capture/recorder.hpp"
#include "cryptoki/each.hpp"
#include "shim/interfaces.hpp"

namespace p11tape::shim {
namespace {

using cryptoki::function;

template <class T>
std::uint64_t word(T value) noexcept {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<std::uintptr_t>(value);
  } else {
    return value;
  }
}

// The three functions that hand out lists answer with ours; all others are called as they are.
template <function F, class Real, class... A>
CK_RV forward(int set, Real real, A... arguments) {
  if constexpr (F == function::C_GetFunctionList) {
    return get_function_list(real, arguments...);
  } else if constexpr (F == function::C_GetInterfaceList) {
    return get_interface_list(set, real, arguments...);
  } else if constexpr (F == function::C_GetInterface) {
    return get_interface(set, real, arguments...);
  } else {
    return real != nullptr ? real(arguments...) : CKR_FUNCTION_NOT_SUPPORTED;
  }
}

#define P11TAPE_PARAMETER(T, N, ...) T N
#define P11TAPE_ARGUMENT(T, N, ...) N
#define P11TAPE_WORD(T, N, ...) word(N)
#define FN(name, since, family, does, ...)                                                                  \
  template <int Set>                                                                                        \
  CK_RV through_##name(P11TAPE_EACH_COMMA(P11TAPE_PARAMETER, __VA_ARGS__)) {                                \
    if (!ready.load(std::memory_order_acquire)) [[unlikely]] {                                              \
      if (const CK_RV rv = load_module(); rv != CKR_OK) return rv;                                          \
    }                                                                                                       \
    const auto real = reinterpret_cast<CK_##name>(                                                          \
        targets[Set].function[static_cast<int>(function::name)].load(std::memory_order_relaxed));           \
    const std::uint64_t words[] = {P11TAPE_EACH_COMMA(P11TAPE_WORD, __VA_ARGS__)};                          \
    capture::frame frame;                                                                                   \
    if (!capture::enter_one<function::name>(frame, words)) return CKR_GENERAL_ERROR;                        \
    const CK_RV rv = forward<function::name>(Set, real, P11TAPE_EACH_COMMA(P11TAPE_ARGUMENT, __VA_ARGS__)); \
    capture::leave_one<function::name>(frame, words, rv);                                                   \
    return rv;                                                                                              \
  }
#include "cryptoki/functions.def"
#undef FN

template <int Set>
struct stub_set {
  static inline any_function const function[] = {
#define FN(name, ...) reinterpret_cast<any_function>(&through_##name<Set>),
#include "cryptoki/functions.def"
#undef FN
  };
};

}  // namespace

any_function stub(int set, std::size_t function) noexcept {
  static_assert(set_count == 4);
  switch (set) {
    case 0:
      return stub_set<0>::function[function];
    case 1:
      return stub_set<1>::function[function];
    case 2:
      return stub_set<2>::function[function];
    default:
      return stub_set<3>::function[function];
  }
}

}  // namespace p11tape::shim

#define FN(name, since, family, does, ...)                                                      \
  extern "C" CK_RV name(P11TAPE_EACH_COMMA(P11TAPE_PARAMETER, __VA_ARGS__)) {                   \
    return p11tape::shim::through_##name<0>(P11TAPE_EACH_COMMA(P11TAPE_ARGUMENT, __VA_ARGS__)); \
  }
#include "cryptoki/functions.def"
#undef FN
