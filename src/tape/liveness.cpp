// SPDX-License-Identifier: Apache-2.0
#include "tape/liveness.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstring>

#include "tape/raw_syscalls.hpp"

namespace p11tape::tape {
namespace {

u64 inode_of(const char* path) noexcept {
  struct stat st {};
  return stat(path, &st) == 0 ? st.st_ino : 0;
}

// The file's beginning as text; empty if it cannot be read.
template <std::size_t N>
void read_text(const char* path, char (&into)[N]) noexcept {
  into[0] = 0;
  const int fd = kernel::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t n = kernel::read(fd, into, N - 1);
  kernel::close(fd);
  into[n > 0 ? n : 0] = 0;
}

// Sixteen bytes in hexadecimal, with or without hyphens.
void read_id(const char* path, u8 (&id)[16]) noexcept {
  char text[64];
  read_text(path, text);
  u8 found[16]{};
  unsigned digits = 0;
  for (const char* c = text; *c != 0 && *c != '\n' && digits < 32; ++c) {
    if (*c == '-') continue;
    const char lower = static_cast<char>(*c | 0x20);
    const bool decimal = *c >= '0' && *c <= '9';
    if (!decimal && (lower < 'a' || lower > 'f')) return;
    const int value = decimal ? *c - '0' : lower - 'a' + 10;
    found[digits / 2] = static_cast<u8>(found[digits / 2] << 4 | value);
    ++digits;
  }
  if (digits == 32) std::memcpy(id, found, sizeof id);
}

}  // namespace

// Field 22 of /proc/PID/stat. The second field is the program's name in parentheses, which may contain anything.
u64 start_of_process(pid_t pid) noexcept {
  char path[40], text[1024];
  pid == 0 ? std::snprintf(path, sizeof path, "/proc/self/stat")
           : std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  read_text(path, text);
  const char* at = std::strrchr(text, ')');
  for (int field = 2; at != nullptr && field < 22; ++field) {
    at = std::strchr(at, ' ');
    if (at != nullptr) ++at;
  }
  u64 value = 0;
  for (; at != nullptr && *at >= '0' && *at <= '9'; ++at) value = 10 * value + static_cast<u64>(*at - '0');
  return value;
}

void describe_process(file_header& h) noexcept {
  h.process_start = le(start_of_process(0));
  h.pid_namespace = le(inode_of("/proc/self/ns/pid"));
  h.time_namespace = le(inode_of("/proc/self/ns/time"));
  read_id("/proc/sys/kernel/random/boot_id", h.boot);
  read_id("/etc/machine-id", h.machine);
}

void hold_lock(int descriptor) noexcept {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  fcntl(descriptor, F_OFD_SETLK, &whole);
}

}  // namespace p11tape::tape
