// SPDX-License-Identifier: Apache-2.0
// stat and its family are functions of their own since glibc 2.33. Before, the header made them calls of __xstat and
// its family, which are told the layout of struct stat that the caller knows, and which every version still has, under their old versions.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>

#include "old_version.h"

#if defined(__i386__)
enum { layout = 3 };
#elif defined(__aarch64__)
enum { layout = 0 };
#else
enum { layout = 1 };
#endif

extern int __fxstat(int, int, struct stat*);
extern int __xstat(int, const char*, struct stat*);
extern int __lxstat(int, const char*, struct stat*);
extern int __fxstatat(int, int, const char*, struct stat*, int);
extern int __fxstat64(int, int, struct stat64*);
extern int __xstat64(int, const char*, struct stat64*);
extern int __lxstat64(int, const char*, struct stat64*);
extern int __fxstatat64(int, int, const char*, struct stat64*, int);

STAND_IN int fstat(int descriptor, struct stat* into) { return __fxstat(layout, descriptor, into); }
STAND_IN int stat(const char* path, struct stat* into) { return __xstat(layout, path, into); }
STAND_IN int lstat(const char* path, struct stat* into) { return __lxstat(layout, path, into); }
STAND_IN int fstatat(int directory, const char* path, struct stat* into, int flags) {
  return __fxstatat(layout, directory, path, into, flags);
}
STAND_IN int fstat64(int descriptor, struct stat64* into) { return __fxstat64(layout, descriptor, into); }
STAND_IN int stat64(const char* path, struct stat64* into) { return __xstat64(layout, path, into); }
STAND_IN int lstat64(const char* path, struct stat64* into) { return __lxstat64(layout, path, into); }
STAND_IN int fstatat64(int directory, const char* path, struct stat64* into, int flags) {
  return __fxstatat64(layout, directory, path, into, flags);
}
