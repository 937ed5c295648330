// SPDX-License-Identifier: Apache-2.0
// Reading small files that decide what runs: whose they are is looked at on the open file, not on its name.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "capture/settings/settings_table.hpp"
#include "tape/raw_syscalls.hpp"

namespace p11tape::capture {
namespace {

// Inside another root, symbolic links are followed as the processes there follow them.
int open_inside(const char* root, const char* path) noexcept {
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  if (root[0] == 0) return kernel::open(path, flags);
  const int folder = kernel::open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return -1;
  open_how how{};
  how.flags = flags;
  how.resolve = RESOLVE_IN_ROOT;
  const auto fd = static_cast<int>(syscall(SYS_openat2, folder, path, &how, sizeof how));
  const int e = errno;
  kernel::close(folder);
  errno = e;
  return fd;
}

bool refuse(int fd, char (&why)[256], const char* reason) noexcept {
  std::snprintf(why, sizeof why, "%s", reason);
  kernel::close(fd);
  return false;
}

}  // namespace

bool read_trusted(const surroundings& where, const char* path, char* into, std::size_t size, std::size_t& read_size,
                  char (&why)[256]) noexcept {
  why[0] = 0;
  read_size = 0;
  const int fd = open_inside(where.root, path);
  if (fd < 0) {
    if (errno != ENOENT && errno != ENOTDIR)
      std::snprintf(why, sizeof why, "user ID %u cannot read it: %s", where.user, strerrordesc_np(errno));
    return false;
  }
  struct stat st {};
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return refuse(fd, why, "it is not a regular file");
  // What root reads decides what root loads; in a setuid program, too, only what nobody else can write counts.
  const bool strict = where.secure || where.user == 0;
  const char* const whose = where.secure ? "the program is setuid" : "the program runs as root";
  if (strict && st.st_uid != 0 && st.st_uid != where.user) {
    std::snprintf(why, sizeof why, "%s, and the file belongs to user ID %u instead of root or user ID %u", whose,
                  st.st_uid, where.user);
    kernel::close(fd);
    return false;
  }
  const bool by_group = (st.st_mode & S_IWGRP) != 0 && (where.secure || st.st_gid != 0);
  const bool by_others = (st.st_mode & S_IWOTH) != 0;
  if (strict && (by_group || by_others)) {
    std::snprintf(why, sizeof why, "%s, and users other than the owner of the file can write to it (chmod go-w)",
                  whose);
    kernel::close(fd);
    return false;
  }
  if (static_cast<u64>(st.st_size) >= size) return refuse(fd, why, "it is too large");
  while (read_size < size - 1) {
    const ssize_t n = kernel::read(fd, into + read_size, size - 1 - read_size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return refuse(fd, why, strerrordesc_np(errno));
    if (n == 0) break;
    read_size += static_cast<std::size_t>(n);
  }
  into[read_size] = 0;
  kernel::close(fd);
  if (st.st_uid != 0 && st.st_uid != where.user)
    std::snprintf(
        why, sizeof why,
        "the file belongs to user ID %u, who decides with it what this program loads (it is used all the same)",
        st.st_uid);
  else if (by_others)
    std::snprintf(why, sizeof why, "everybody can write to the file (it is used all the same; chmod o-w)");
  return true;
}

}  // namespace p11tape::capture
