// SPDX-License-Identifier: Apache-2.0
#include "capture/host/memory.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "capture/host/valgrind.hpp"
#include "tape/raw_syscalls.hpp"

namespace p11tape::capture {

constinit std::atomic<bool> memcheck_judges{false};

namespace {

enum class prober : u8 { untested, by_mask, by_copy, by_memcheck };
std::atomic<prober> chosen{prober::untested};

bool mask_probe(std::uintptr_t address) noexcept {
  constexpr int no_operation = -1;
  constexpr std::size_t kernel_mask_size = 8;
  return syscall(SYS_rt_sigprocmask, no_operation, address, nullptr, kernel_mask_size) != 0 && errno != EFAULT;
}

bool copy_probe(std::uintptr_t address) noexcept {
  char byte = 0;
  iovec here{&byte, 1};
  iovec there{reinterpret_cast<void*>(address), 1};
  return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == 1;
}

// Emulators (qemu-user) look at the operation before the address and would call everything readable.
prober choose() noexcept {
  if (valgrind::is_memcheck()) return prober::by_memcheck;
  constexpr std::uintptr_t never_mapped = 0x1000;
  static constexpr u64 surely_mapped = 0;
  const bool works = !mask_probe(never_mapped) && mask_probe(reinterpret_cast<std::uintptr_t>(&surely_mapped));
  return works ? prober::by_mask : prober::by_copy;
}

// What was readable when probing stopped.
struct readable_ranges {
  static constexpr unsigned most = 1024;
  unsigned count;
  struct {
    std::uintptr_t from, to;
  } range[most];
};
readable_ranges ranges{};
std::atomic<bool> probing_stopped{false};

// A line of /proc/self/maps: "from-to rwxp offset device inode   path".
void take_mapping(const char* line) noexcept {
  char* rest = nullptr;
  const auto from = static_cast<std::uintptr_t>(std::strtoull(line, &rest, 16));
  if (*rest != '-') return;
  const auto to = static_cast<std::uintptr_t>(std::strtoull(rest + 1, &rest, 16));
  const bool of_kernel = std::strstr(rest, "[v") != nullptr, of_device = std::strstr(rest, " /dev/") != nullptr;
  if (rest[0] != ' ' || rest[1] != 'r' || of_kernel || of_device) return;
  if (ranges.count != 0 && ranges.range[ranges.count - 1].to == from) {
    ranges.range[ranges.count - 1].to = to;
  } else if (ranges.count < readable_ranges::most) {
    ranges.range[ranges.count++] = {from, to};
  }
}

bool was_readable(std::uintptr_t address) noexcept {
  for (unsigned i = 0; i < ranges.count; ++i)
    if (address >= ranges.range[i].from && address < ranges.range[i].to) return true;
  return false;
}

prober the_prober() noexcept {
  auto how = chosen.load(std::memory_order_acquire);
  if (how == prober::untested) {
    how = choose();
    memcheck_judges.store(how == prober::by_memcheck, std::memory_order_relaxed);
    chosen.store(how, std::memory_order_release);
  }
  return how;
}

}  // namespace

void stop_probing() noexcept {
  the_prober();  // chooses by system calls, and not later
  const int e = errno;
  ranges.count = 0;
  const int fd = kernel::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  char text[8192];
  std::size_t have = 0;
  for (ssize_t n = 0; fd >= 0 && (n = kernel::read(fd, text + have, sizeof text - 1 - have)) > 0;) {
    have += static_cast<std::size_t>(n);
    text[have] = 0;
    char* line = text;
    for (char* end = nullptr; (end = std::strchr(line, '\n')) != nullptr; line = end + 1) {
      *end = 0;
      take_mapping(line);
    }
    have -= static_cast<std::size_t>(line - text);
    std::memmove(text, line, have);
    if (have == sizeof text - 1) have = 0;  // no line is that long
  }
  if (fd >= 0) kernel::close(fd);
  probing_stopped.store(true);
  errno = e;
}

bool probe_page(known_pages& known, std::uintptr_t page, std::uintptr_t start, u64 size) noexcept {
  if (probing_stopped.load(std::memory_order_relaxed)) {
    if (!was_readable(page << 12)) return false;
    known.page[page % known_pages::slots] = page;
    return true;
  }
  const int e = errno;
  const auto how = the_prober();
  if (how == prober::by_memcheck)  // by byte, and never remembered
    return valgrind::state_of(reinterpret_cast<const void*>(start), size) != valgrind::memory::unaddressable;
  const std::uintptr_t address = page << 12;
  const bool ok = how == prober::by_mask ? mask_probe(address) : copy_probe(address);
  if (ok) known.page[page % known_pages::slots] = page;
  errno = e;
  return ok;
}

bool look_whether_readable(known_pages& known, std::uintptr_t start, u64 size) noexcept {
  constexpr unsigned page_bits = 12;
  if (start < 0x10000 || size > absurd_length || start + size < start) return false;
  if constexpr (sizeof(void*) == 8) {
    if (start >> 56 != 0) return false;  // no address of a process, with four or five levels of page tables
  }
  if (size == 0) return true;
  const auto last = (start + size - 1) >> page_bits;
  for (auto page = start >> page_bits; page <= last; ++page)
    if (known.page[page % known_pages::slots] != page && !probe_page(known, page, start, size)) return false;
  return true;
}

}  // namespace p11tape::capture
