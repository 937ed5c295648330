// gskit_driver MODULE TOKEN-LABEL [CERTIFICATE-LABEL]: what runmqakm does with a token, and what it says of it. The PIN
// comes from the environment variable GSKIT_PIN.
#include "gskit.hpp"

#include <dlfcn.h>

#include <cstdlib>

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: gskit_driver MODULE TOKEN-LABEL [CERTIFICATE-LABEL], the PIN in GSKIT_PIN\n");
    return 64;
  }
  void* module = dlopen(argv[1], RTLD_NOW);
  if (module == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 2;
  }
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(module, "C_GetFunctionList"));
  CK_FUNCTION_LIST* list = nullptr;
  if (get == nullptr || get(&list) != CKR_OK) return 2;
  const char* pin = std::getenv("GSKIT_PIN");
  return p11tape::test::gskit(list).run({argv[2], pin != nullptr ? pin : "", argc > 3 ? argv[3] : ""});
}
