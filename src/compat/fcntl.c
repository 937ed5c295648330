// SPDX-License-Identifier: Apache-2.0
// On 32-bit systems fcntl got a new version in glibc 2.28, for locks by 64-bit offsets.
#include <stdarg.h>

#include "old_version.h"

OLD(fcntl);
extern int old_fcntl(int, int, ...);

STAND_IN int fcntl(int descriptor, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  return old_fcntl(descriptor, command, argument);
}

STAND_IN int fcntl64(int descriptor, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  return old_fcntl(descriptor, command, argument);
}
