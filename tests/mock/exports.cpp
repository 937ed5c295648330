// SPDX-License-Identifier: Apache-2.0
// The 104 exported functions, all alike: note the call, follow the script, answer.
#include <dlfcn.h>

#include <type_traits>

#include "call.hpp"
#include "mock.hpp"

namespace p11tape::mock {
namespace {

// The same call by the name that the whole process sees, which is a shim's when that was loaded RTLD_GLOBAL. False
// where the name is the module's own, because that would never end.
template <class Function, class... Arguments>
bool call_by_name(const char* name, CK_RV& result, Arguments... arguments) {
  void* const seen = dlsym(RTLD_DEFAULT, name);
  Dl_info theirs{};
  Dl_info ours{};
  if (seen == nullptr || dladdr(seen, &theirs) == 0 || dladdr(&mock_control, &ours) == 0) return false;
  if (theirs.dli_fbase == ours.dli_fbase) return false;
  result = reinterpret_cast<Function>(seen)(arguments...);
  return true;
}

}  // namespace
}  // namespace p11tape::mock

#define P11TAPE_PARAMETER(T, N, ...) T N
#define P11TAPE_NAME(T, N, ...) N
#define P11TAPE_WORD(T, N, ...) p11tape::mock::to_word(N)
#define P11TAPE_BODY(name, ...)                                                                                        \
  extern "C" __attribute__((visibility("default"))) CK_RV name(P11TAPE_EACH_COMMA(P11TAPE_PARAMETER, __VA_ARGS__)) {   \
    namespace mock = p11tape::mock;                                                                                    \
    constexpr auto f = mock::function::name;                                                                           \
    const mock::word words[] = {P11TAPE_EACH_COMMA(P11TAPE_WORD, __VA_ARGS__)};                                        \
    static_assert(std::size(words) <= mock::most_arguments);                                                           \
    auto verdict = mock::arrive(f, words, std::size(words));                                                           \
    if (verdict.again)                                                                                                 \
      verdict.done =                                                                                                   \
          mock::call_by_name<decltype(&::name)>(#name, verdict.result, P11TAPE_EACH_COMMA(P11TAPE_NAME, __VA_ARGS__)); \
    return mock::leave(f, verdict.done ? verdict.result : mock::answer(f, words));                                     \
  }
#define FN(name, since, family, does, ...) P11TAPE_MOCK_##since(P11TAPE_BODY(name, __VA_ARGS__))
#include "cryptoki/functions.def"
#undef FN
