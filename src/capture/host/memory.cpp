// SPDX-License-Identifier: Apache-2.0
#include "capture/host/memory.hpp"

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace p11tape::capture {
namespace {

enum class prober : u8 { untested, by_mask, by_copy };
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
  constexpr std::uintptr_t never_mapped = 0x1000;
  static constexpr u64 surely_mapped = 0;
  const bool works = !mask_probe(never_mapped) && mask_probe(reinterpret_cast<std::uintptr_t>(&surely_mapped));
  return works ? prober::by_mask : prober::by_copy;
}

}  // namespace

bool probe_page(known_pages& known, std::uintptr_t page) noexcept {
  const int e = errno;
  auto how = chosen.load(std::memory_order_relaxed);
  if (how == prober::untested) {
    how = choose();
    chosen.store(how, std::memory_order_relaxed);
  }
  const std::uintptr_t address = page << 12;
  const bool ok = how == prober::by_mask ? mask_probe(address) : copy_probe(address);
  if (ok) known.page[page % known_pages::slots] = page;
  errno = e;
  return ok;
}

}  // namespace p11tape::capture
