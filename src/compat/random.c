// SPDX-License-Identifier: Apache-2.0
// Wiping and random bytes (glibc 2.25; arc4random 2.36). Linux has getrandom since 3.17; before, there is the device.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "old_version.h"

STAND_IN void explicit_bzero(void* at, size_t size) {
  memset(at, 0, size);
  __asm__ volatile("" : : "r"(at) : "memory");  // the zeros are read, as far as the compiler knows
}

STAND_IN void __explicit_bzero_chk(void* at, size_t size, size_t known_size) {
  if (size > known_size) __builtin_trap();
  explicit_bzero(at, size);
}

STAND_IN ssize_t getrandom(void* into, size_t size, unsigned flags) {
  return syscall(SYS_getrandom, into, size, flags);
}

static int from_kernel(char* into, size_t size) {
  while (size > 0) {
    const ssize_t n = getrandom(into, size, 0);
    if (n < 0 && errno != EINTR) return -1;
    if (n <= 0) continue;
    into += n;
    size -= (size_t)n;
  }
  return 0;
}

static int from_device(char* into, size_t size) {
  const int device = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  if (device < 0) return -1;
  while (size > 0) {
    const ssize_t n = read(device, into, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    into += n;
    size -= (size_t)n;
  }
  close(device);
  return size == 0 ? 0 : -1;
}

STAND_IN int getentropy(void* into, size_t size) {
  if (size > 256) {
    errno = EIO;
    return -1;
  }
  return from_kernel(into, size) == 0 ? 0 : from_device(into, size);
}

// std::random_device takes it for one that cannot fail.
STAND_IN uint32_t arc4random(void) {
  uint32_t bits;
  if (getentropy(&bits, sizeof bits) != 0) abort();
  return bits;
}
