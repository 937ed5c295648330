// SPDX-License-Identifier: Apache-2.0
// POWER: libstdc++.a can print and read the IEEE kind of long double, which nothing here uses, with functions of glibc
// 2.32 that must be there all the same.
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
