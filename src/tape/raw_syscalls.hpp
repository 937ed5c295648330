// SPDX-License-Identifier: Apache-2.0
// System calls as they are. The C library's functions of these names are points of cancellation, and make their thread
// cancellable at any instant while they run, even where it has said that it is not to be cancelled: a cancellation that
// is under way would end the thread there, with our locks.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <ctime>

namespace p11tape::kernel {

inline int openat(int folder, const char* name, int flags, unsigned mode = 0) noexcept {
  return static_cast<int>(syscall(SYS_openat, folder, name, flags, mode));
}
inline int open(const char* path, int flags, unsigned mode = 0) noexcept { return openat(AT_FDCWD, path, flags, mode); }
inline int close(int descriptor) noexcept { return static_cast<int>(syscall(SYS_close, descriptor)); }
inline ssize_t read(int descriptor, void* into, std::size_t size) noexcept {
  return syscall(SYS_read, descriptor, into, size);
}
inline ssize_t write(int descriptor, const void* bytes, std::size_t size) noexcept {
  return syscall(SYS_write, descriptor, bytes, size);
}
inline ssize_t pwrite(int descriptor, const void* bytes, std::size_t size, off_t at) noexcept {
#if defined(__i386__)
  const auto place = static_cast<unsigned long long>(at);  // in two words, the lower one first
  return syscall(SYS_pwrite64, descriptor, bytes, size, static_cast<unsigned long>(place),
                 static_cast<unsigned long>(place >> 32));
#else
  return syscall(SYS_pwrite64, descriptor, bytes, size, at);
#endif
}
/// With the offset in two words, as every architecture takes it.
inline ssize_t pwritev(int descriptor, const iovec* pieces, int count, off_t at) noexcept {
  return syscall(SYS_pwritev, descriptor, pieces, count, static_cast<unsigned long>(at),
                 static_cast<unsigned long>(static_cast<unsigned long long>(at) >> 32));
}

inline ssize_t sendto(int descriptor, const void* bytes, std::size_t size, int flags, const sockaddr* to,
                      socklen_t to_size) noexcept {
  const ssize_t sent = syscall(SYS_sendto, descriptor, bytes, size, flags, to, to_size);
#if defined(SYS_socketcall)
  if (sent < 0 &&
      errno == ENOSYS) {  // i386 and s390x before Linux 4.3 have one system call for all that concerns sockets
    constexpr int sendto_of_socketcall = 11;
    const unsigned long arguments[] = {
        static_cast<unsigned long>(descriptor), reinterpret_cast<unsigned long>(bytes), size,
        static_cast<unsigned long>(flags),      reinterpret_cast<unsigned long>(to),    to_size};
    return syscall(SYS_socketcall, sendto_of_socketcall, arguments);
  }
#endif
  return sent;
}
/// Of one descriptor; `patience` in ms.
inline int poll(pollfd& one, int patience) noexcept {
  timespec most{patience / 1000, patience % 1000 * 1000000L};
  return static_cast<int>(syscall(SYS_ppoll, &one, 1, &most, nullptr, 0));
}
/// Signals as the kernel counts them: bit n - 1 stands for signal n. The C library's functions build a set of 1024.
using signal_bits = unsigned long long;
constexpr signal_bits bit_of_signal(int number) noexcept { return signal_bits{1} << (number - 1); }
inline bool set_signal_mask(int how, const signal_bits& to, signal_bits* before) noexcept {
  static_assert(sizeof to == 8);
  return syscall(SYS_rt_sigprocmask, how, &to, before, sizeof to) == 0;
}
inline void pause(long ns) noexcept {
  const timespec time{0, ns};
  syscall(SYS_nanosleep, &time, nullptr);
}

}  // namespace p11tape::kernel
