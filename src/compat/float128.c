// SPDX-License-Identifier: Apache-2.0
// POWER: libstdc++.a and libgcc.a can print, read and compute the IEEE kind of long double, which nothing here uses. What they
// need of glibc 2.23 and 2.32 for it must be there all the same.
#include <stdarg.h>
#include <stddef.h>

#include "old_version.h"

STAND_IN int __vsnprintfieee128(char* into, size_t size, const char* format, va_list arguments) {
  (void)format, (void)arguments;
  if (size > 0) *into = 0;
  return 0;
}

STAND_IN long double __strtoieee128_l(const char* text, char** end, void* locale) {
  (void)locale;
  if (end != NULL) *end = (char*)text;
  return 0;
}

STAND_IN long double __strtoieee128(const char* text, char** end) { return __strtoieee128_l(text, end, NULL); }

STAND_IN long double __frexpieee128(long double x, int* exponent) {
  *exponent = 0;
  return x;
}

// Nobody calls it. That it exists says that the C library has put what the CPU can do where __builtin_cpu_supports() looks. An
// older one has not: then libgcc chooses at random between two ways to compute what is never computed.
STAND_IN void __parse_hwcap_and_convert_at_platform(void) {}
