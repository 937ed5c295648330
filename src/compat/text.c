// SPDX-License-Identifier: Apache-2.0
// The texts of errors and signals (glibc 2.32), which take no lock and no locale.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "old_version.h"

STAND_IN const char* strerrordesc_np(int error) {
  switch (error) {
    case 0:
      return "Success";
#define ERROR(name, text) \
  case name:              \
    return text;
#include "errors.def"
#undef ERROR
    default:
      return NULL;
  }
}

STAND_IN const char* sigabbrev_np(int number) {
  switch (number) {
#define SIGNAL(name, text) \
  case SIG##name:          \
    return #name;
#include "signals.def"
    default:
      return NULL;
  }
}

STAND_IN const char* sigdescr_np(int number) {
  switch (number) {
#undef SIGNAL
#define SIGNAL(name, text) \
  case SIG##name:          \
    return text;
#include "signals.def"
    default:
      return NULL;
  }
}
