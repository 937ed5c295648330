// SPDX-License-Identifier: Apache-2.0
// What stands in for dlsym, dlvsym and dlopen in the objects that the tap watches.
//
// Modules look PC/SC up at run time, and others load a module that does only in C_Initialize. dlsym and dlvsym look at
// the address of their caller, for RTLD_NEXT and RTLD_DEFAULT: what is not about PC/SC is therefore passed on by a
// jump, which keeps it. This file is compiled so that the compiler makes one.
#pragma once

namespace p11tape::shim {

/// Keeps the loader's own functions, before anybody redirects this object's. Must come before the first tap.
void remember_loader() noexcept;

void* lookup_dlsym(void* handle, const char* name) noexcept;
void* lookup_dlvsym(void* handle, const char* name, const char* version) noexcept;

/// dlopen searches the paths that are written in its caller: so this replaces it only in objects that have none.
void* lookup_dlopen(const char* file, int flags);

}  // namespace p11tape::shim
