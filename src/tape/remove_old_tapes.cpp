// SPDX-License-Identifier: Apache-2.0
// Keeping the newest tapes of a folder. Reads the folder with getdents64 and no allocation: it runs inside the host.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>

#include "tape/file.hpp"
#include "tape/raw_syscalls.hpp"

namespace p11tape::tape {
namespace {

struct entry {  // the kernel's linux_dirent64
  u64 inode;
  u64 offset;
  u16 size;
  u8 type;
  char name[1];
};

bool is_tape_name(const char* name) noexcept {
  constexpr char suffix[] = ".p11tape";
  const std::size_t n = std::strlen(name);
  return n > sizeof suffix && std::strcmp(name + n - (sizeof suffix - 1), suffix) == 0;
}

// A tape of ours whose process has ended. The magic is looked at, so that a file which only has the name stays.
bool may_go(int folder, const char* name) noexcept {
  const int fd = kernel::openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  file_header h{};
  const bool tape = pread(fd, &h, 128, 0) == 128 && std::memcmp(h.magic, file_magic, sizeof file_magic) == 0;
  kernel::close(fd);
  if (!tape) return false;
  const auto pid = static_cast<pid_t>(le<u64>(h.pid));
  return pid > 0 && kill(pid, 0) != 0 && errno == ESRCH;
}

}  // namespace

void remove_old_tapes(int folder, u32 keep) noexcept {
  const int e = errno;
  constexpr int most_removals = 32;  // a folder that was never thinned must not delay the host
  for (int removals = 0; removals < most_removals; ++removals) {
    u32 tapes = 0;
    char oldest[256] = {};
    timespec oldest_time{};
    lseek(folder, 0, SEEK_SET);
    alignas(entry) char buffer[4096];
    for (;;) {
      const long n = syscall(SYS_getdents64, folder, buffer, sizeof buffer);
      if (n <= 0) break;
      for (long at = 0; at < n;) {
        const auto* d = reinterpret_cast<const entry*>(buffer + at);
        at += d->size;
        struct stat st {};
        if (!is_tape_name(d->name) || fstatat(folder, d->name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()) continue;
        ++tapes;
        const bool older = oldest[0] == 0 || st.st_mtim.tv_sec < oldest_time.tv_sec ||
                           (st.st_mtim.tv_sec == oldest_time.tv_sec && st.st_mtim.tv_nsec < oldest_time.tv_nsec);
        if (older && may_go(folder, d->name)) {
          oldest_time = st.st_mtim;
          std::strncpy(oldest, d->name, sizeof oldest - 1);
        }
      }
    }
    if (tapes <= keep || oldest[0] == 0) break;
    unlinkat(folder, oldest, 0);
  }
  errno = e;
}

}  // namespace p11tape::tape
