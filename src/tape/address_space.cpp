// SPDX-License-Identifier: Apache-2.0
#include "tape/address_space.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "tape/raw_syscalls.hpp"

namespace p11tape::tape {
namespace {

constexpr u64 share = 16;
constexpr u64 unlimited = ~u64{0};

u64 limit_of(__rlimit_resource which) noexcept {
  rlimit r{};
  return getrlimit(which, &r) != 0 || r.rlim_cur == RLIM_INFINITY ? unlimited : r.rlim_cur;
}

// The number in the line "Name: 1234 ..." of /proc/self/status; 0 if there is none.
u64 status_of(const char* name, int base) noexcept {
  char text[4096];
  const int fd = kernel::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t n = kernel::read(fd, text, sizeof text - 1);
  kernel::close(fd);
  text[n > 0 ? n : 0] = 0;
  const char* at = std::strstr(text, name);
  return at != nullptr ? std::strtoull(at + std::strlen(name), nullptr, base) : 0;
}

u64 bytes_of(const char* name) noexcept { return 1024 * status_of(name, 10); }

// RLIMIT_MEMLOCK does not bind a process with this capability.
bool may_lock_all() noexcept {
  constexpr unsigned cap_ipc_lock = 14;
  return (status_of("CapEff:", 16) >> cap_ipc_lock & 1) != 0;
}

// Whether a new mapping is locked at once: one is made to see.
bool locks_new_mappings(u64& locked) noexcept {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const u64 before = bytes_of("VmLck:");
  void* probe = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (probe == MAP_FAILED) return false;
  locked = bytes_of("VmLck:");
  munmap(probe, page);
  return locked > before;
}

u64 part_of(u64 limit, u64 used) noexcept { return limit > used ? (limit - used) / share : 0; }

}  // namespace

u64 affordable(u64 wanted) noexcept {
  constexpr u64 most_of_32_bits = u64{1} << 30;  // a quarter
  if (sizeof(void*) == 4 && wanted > most_of_32_bits) wanted = most_of_32_bits;
  if (const u64 space = limit_of(RLIMIT_AS); space != unlimited) {
    const u64 left = part_of(space, bytes_of("VmSize:"));
    if (left < wanted) wanted = left;
  }
  u64 locked = 0;
  if (const u64 most = limit_of(RLIMIT_MEMLOCK); most != unlimited && locks_new_mappings(locked) && !may_lock_all()) {
    const u64 left = part_of(most, locked);
    if (left < wanted) wanted = left;
  }
  return wanted;
}

}  // namespace p11tape::tape
