// SPDX-License-Identifier: Apache-2.0
// Where off_t has 64 bits anyway, fcntl64 is another name that glibc 2.28 gave to fcntl. SQLite's archive asks for it.
#include <fcntl.h>
#include <stdarg.h>

__attribute__((visibility("hidden"))) int fcntl64(int descriptor, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  return fcntl(descriptor, command, argument);
}
