// SPDX-License-Identifier: Apache-2.0
// The least host there is: loads a module, asks it for its list, and ends with the answer. Run as a setuid program.
#include <dlfcn.h>
#include <sys/auxv.h>

#include "cryptoki/pkcs11.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  if (getauxval(AT_SECURE) == 0) return 9;
  void* const module = dlopen(argv[1], RTLD_NOW);
  if (module == nullptr) return 10;
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(module, "C_GetFunctionList"));
  CK_FUNCTION_LIST* list = nullptr;
  return get == nullptr ? 11 : static_cast<int>(get(&list));
}
