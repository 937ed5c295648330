// SPDX-License-Identifier: Apache-2.0
// The library that `p11tape run` puts into LD_AUDIT: when the program opens a PKCS#11 module, the loader is given a
// copy of p11tape.so instead, with a settings file beside it that names the module that was meant.
//
// - Only what is opened after the program has started is redirected (dlopen), not what it was linked with.
// - Each module gets a real copy of the shim: the loader knows an object by its inode, so that links would be one object.
// - The path in the copy's settings has "/./" in it. A path with that is left alone: it is the shim that opens its
// module.
// - NSS's own softoken is used by its other entry points as well, and libp11-kit is what others are loaded by: left
// alone.
// - Whatever goes wrong here, the module is loaded as if we were not there.
// It lives in a namespace of its own, with its own libc, and needs nothing else.
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/elf_file.hpp"

namespace {

bool started = false;

const char* base_name(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

bool is_module(const char* path) {
  if (strncmp(base_name(path), "libp11-kit.so", 13) == 0) return false;
  const p11tape::run::elf_file file(path);
  return file.ok() && file.exports("C_GetFunctionList") && !file.exports("NSC_GetFunctionList") &&
         !file.exports("FC_GetFunctionList") && !file.is_shim();
}

// --module: only this one.
bool is_wanted(const struct stat& st) {
  const char* only = getenv("P11TAPE_RUN_MODULE");
  struct stat wanted {};
  return only == nullptr || only[0] == 0 ||
         (stat(only, &wanted) == 0 && wanted.st_dev == st.st_dev && wanted.st_ino == st.st_ino);
}

bool write_settings(const char* path, const char* module) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  // In single quotes, where a quote is written twice.
  char text[2 * PATH_MAX + 32];
  size_t n = static_cast<size_t>(snprintf(text, sizeof text, "module: '"));
  const char* last = base_name(module);
  for (const char* c = module; *c != 0 && n < sizeof text - 16; ++c) {
    if (c == last) {
      text[n++] = '.';
      text[n++] = '/';
    }
    if (*c == '\'') text[n++] = '\'';
    text[n++] = *c;
  }
  text[n++] = '\'';
  text[n++] = '\n';
  const bool ok = write(fd, text, n) == static_cast<ssize_t>(n);
  close(fd);
  return ok;
}

bool copy_file(const char* from, const char* to) {
  const int in = open(from, O_RDONLY | O_CLOEXEC);
  if (in < 0) return false;
  const int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0700);
  bool ok = out >= 0;
  struct stat st {};
  ok = ok && fstat(in, &st) == 0;
  for (off_t left = st.st_size; ok && left > 0;) {
    const ssize_t n = sendfile(out, in, nullptr, static_cast<size_t>(left));
    ok = n > 0;
    left -= n > 0 ? n : 0;
  }
  close(in);
  if (out >= 0) close(out);
  return ok;
}

// The copy that stands in for a module, made where there is none yet. Several processes may come here at once: each
// makes its own files, and renaming decides.
bool stand_in(const char* module, const struct stat& st, char (&path)[PATH_MAX]) {
  const char* folder = getenv("P11TAPE_RUN_FOLDER");
  const char* shim = getenv("P11TAPE_RUN_SHIM");
  if (folder == nullptr || shim == nullptr) return false;
  char name[128];
  snprintf(name, sizeof name, "%.80s", base_name(module));
  if (char* dot = strstr(name, ".so"); dot != nullptr && dot != name) *dot = 0;
  char stem[PATH_MAX];
  const int n = snprintf(stem, sizeof stem, "%s/p11tape-%s-%lx", folder, name, static_cast<unsigned long>(st.st_ino));
  if (n < 0 || static_cast<size_t>(n) > sizeof stem - 64) return false;
  snprintf(path, sizeof path, "%.*s.so", n, stem);
  if (access(path, R_OK) == 0) return true;

  char settings[PATH_MAX], own_settings[PATH_MAX], own_copy[PATH_MAX];
  snprintf(settings, sizeof settings, "%.*s.yaml", n, stem);
  snprintf(own_settings, sizeof own_settings, "%.*s.%d.yaml", n, stem, getpid());
  snprintf(own_copy, sizeof own_copy, "%.*s.%d.copy", n, stem, getpid());
  const bool ok = write_settings(own_settings, module) && rename(own_settings, settings) == 0 &&
                  copy_file(shim, own_copy) && rename(own_copy, path) == 0;
  if (!ok) {
    unlink(own_settings);
    unlink(own_copy);
  }
  return ok;
}

}  // namespace

extern "C" {

// A loader takes no interface that is newer than its own. What we use of it is the same in all.
__attribute__((visibility("default"))) unsigned la_version(unsigned loader) {
  return loader < LAV_CURRENT ? loader : LAV_CURRENT;
}

__attribute__((visibility("default"))) void la_preinit(uintptr_t*) { started = true; }

__attribute__((visibility("default"))) char* la_objsearch(const char* name, uintptr_t*, unsigned) {
  char* const unchanged = const_cast<char*>(name);
  if (!started || strchr(name, '/') == nullptr || strstr(name, "/./") != nullptr) return unchanged;
  struct stat st {};
  if (stat(name, &st) != 0 || !is_module(name) || !is_wanted(st)) return unchanged;
  // The loader keeps what we answer for as long as it looks at it, in the thread that opens.
  static thread_local char path[PATH_MAX];
  char module[PATH_MAX];
  if (realpath(name, module) == nullptr || !stand_in(module, st, path)) return unchanged;
  return path;
}

}  // extern "C"
