// SPDX-License-Identifier: Apache-2.0
#include "shim/pcsc_wrappers.hpp"

#include <dlfcn.h>

#include <atomic>
#include <cstring>

#include "capture/encode/exchange.hpp"
#include "cryptoki/each.hpp"

namespace p11tape::shim {
namespace {

constexpr int wrappers_each = 8;

struct real_function {
  std::atomic<void*> address;
  std::atomic<void*> object;  ///< where its library is mapped: tells whether it is still the same
};

enum class pcsc : int {
#define PCSC(name, ...) name,
#include "shim/pcsc_functions.def"
#undef PCSC
};

constexpr const char* names[] = {
#define PCSC(name, ...) #name,
#include "shim/pcsc_functions.def"
#undef PCSC
};
constexpr int function_count = sizeof names / sizeof names[0];

constinit real_function real[function_count][wrappers_each]{};

#define P11TAPE_TYPE(T, N) T
#define P11TAPE_PARAMETER(T, N) T N
#define P11TAPE_ARGUMENT(T, N) N
#define P11TAPE_BEFORE(card, code, command, size) \
  static_cast<tape::u64>(card), static_cast<tape::u32>(code), command, size
#define P11TAPE_AFTER(response, size) response, size

// No destructor, no lock: whoever unwinds the real function unwinds these too.
#define PCSC(name, kind, before, after, ...)                                                                       \
  template <int I>                                                                                                 \
  long through_##name(P11TAPE_EACH_COMMA(P11TAPE_PARAMETER, __VA_ARGS__)) {                                        \
    using function = long (*)(P11TAPE_EACH_COMMA(P11TAPE_TYPE, __VA_ARGS__));                                      \
    const auto call =                                                                                              \
        reinterpret_cast<function>(real[static_cast<int>(pcsc::name)][I].address.load(std::memory_order_acquire)); \
    capture::exchange e;                                                                                           \
    capture::begin_exchange(e, tape::card_call::kind, P11TAPE_BEFORE before);                                      \
    const long result = call(P11TAPE_EACH_COMMA(P11TAPE_ARGUMENT, __VA_ARGS__));                                   \
    capture::end_exchange(e, static_cast<tape::u32>(result), P11TAPE_AFTER after);                                 \
    return result;                                                                                                 \
  }
#include "shim/pcsc_functions.def"
#undef PCSC

void* const wrappers[function_count][wrappers_each] = {
#define PCSC(name, ...)                                                                      \
  {reinterpret_cast<void*>(&through_##name<0>), reinterpret_cast<void*>(&through_##name<1>), \
   reinterpret_cast<void*>(&through_##name<2>), reinterpret_cast<void*>(&through_##name<3>), \
   reinterpret_cast<void*>(&through_##name<4>), reinterpret_cast<void*>(&through_##name<5>), \
   reinterpret_cast<void*>(&through_##name<6>), reinterpret_cast<void*>(&through_##name<7>)},
#include "shim/pcsc_functions.def"
#undef PCSC
};

void* object_of(void* address) noexcept {
  Dl_info info{};
  return dladdr(address, &info) != 0 ? info.dli_fbase : nullptr;
}

// True where the wrapper has no function, or one whose library is gone: then it is ours to set. Until its object is
// known it belongs to whoever has claimed it.
bool claim(real_function& r, void* function) noexcept {
  void* old = r.address.load(std::memory_order_acquire);
  if (old == nullptr) return r.address.compare_exchange_strong(old, function, std::memory_order_acq_rel);
  void* object = r.object.load(std::memory_order_acquire);
  if (object == nullptr || object_of(old) == object) return false;
  return r.object.compare_exchange_strong(object, nullptr, std::memory_order_acq_rel);
}

void* wrapper_for(int f, void* function) noexcept {
  for (auto* const w : wrappers[f])
    if (w == function) return function;
  for (int i = 0; i < wrappers_each; ++i)
    if (real[f][i].address.load(std::memory_order_acquire) == function) return wrappers[f][i];
  void* const object = object_of(function);
  for (int i = 0; i < wrappers_each; ++i) {
    if (!claim(real[f][i], function)) continue;
    real[f][i].address.store(function, std::memory_order_release);
    real[f][i].object.store(object, std::memory_order_release);
    return wrappers[f][i];
  }
  return function;
}

}  // namespace

void* pcsc_wrapper(const char* name, void* function) noexcept {
  for (int f = 0; f < function_count; ++f)
    if (std::strcmp(name, names[f]) == 0) return wrapper_for(f, function);
  return nullptr;
}

}  // namespace p11tape::shim
