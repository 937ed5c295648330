// SPDX-License-Identifier: Apache-2.0
#include "shim/pcsc_lookup.hpp"

#include <dlfcn.h>

#include <cerrno>
#include <cstring>

#include "shim/pcsc_tap.hpp"
#include "shim/pcsc_wrappers.hpp"

namespace p11tape::shim {
namespace {

// The loader's functions as our own slots had them before anybody else's tap was put into us. Another copy of this shim
// behind us does that, as we do to it: by way of the slots, each would hand every call to the other for ever.
struct loader_functions {
  decltype(&::dlopen) open;
  decltype(&::dlsym) sym;
  decltype(&::dlvsym) vsym;
};
constinit loader_functions loader{};

bool is_pcsc(const char* name) noexcept { return name != nullptr && std::strncmp(name, "SCard", 5) == 0; }

// nullptr: this is none of ours, or it failed; then the caller asks again by itself, and gets the loader's own answer.
__attribute__((noinline)) void* found(void* handle, const char* name, const char* version) noexcept {
  void* const real = version != nullptr ? loader.vsym(handle, name, version) : loader.sym(handle, name);
  return real != nullptr ? pcsc_wrapper(name, real) : nullptr;
}

__attribute__((noinline)) void* opened(const char* file, int flags) {
  void* const handle = loader.open(file, flags);
  if (handle != nullptr) {
    const int e = errno;
    tap_opened(handle);
    errno = e;
  }
  return handle;
}

}  // namespace

void remember_loader() noexcept {
  if (loader.sym == nullptr) loader = {&::dlopen, &::dlsym, &::dlvsym};
}

void* lookup_dlsym(void* handle, const char* name) noexcept {
  if (is_pcsc(name) && handle != RTLD_NEXT)
    if (void* const wrapper = found(handle, name, nullptr)) return wrapper;
  return loader.sym(handle, name);
}

void* lookup_dlvsym(void* handle, const char* name, const char* version) noexcept {
  if (is_pcsc(name) && version != nullptr && handle != RTLD_NEXT && handle != RTLD_DEFAULT)
    if (void* const wrapper = found(handle, name, version)) return wrapper;
  return loader.vsym(handle, name, version);
}

void* lookup_dlopen(const char* file, int flags) {
  // A name with $ORIGIN in it means the caller's folder.
  const bool plain = file != nullptr && file[0] != 0 && std::strchr(file, '$') == nullptr;
  if (plain && (flags & RTLD_NOLOAD) == 0) return opened(file, flags);
  return loader.open(file, flags);
}

}  // namespace p11tape::shim
