// SPDX-License-Identifier: Apache-2.0
#include "log/write_quietly.hpp"
#include "tape/raw_syscalls.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace p11tape::log {
namespace {

// A write that fails may have raised a signal, which waits: it is taken out again.
int failed(int error) noexcept {
  if (error != EPIPE && error != EFBIG) return error;
  sigset_t raised;
  sigemptyset(&raised);
  sigaddset(&raised, error == EPIPE ? SIGPIPE : SIGXFSZ);
  const timespec at_once{};
  while (sigtimedwait(&raised, nullptr, &at_once) < 0 && errno == EINTR) {
  }
  return error;
}

}  // namespace

int write_file(int descriptor, const char* text, std::size_t size) noexcept {
  while (size > 0) {
    const ssize_t n = kernel::write(descriptor, text, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(errno);
    text += n;
    size -= static_cast<std::size_t>(n);
  }
  return 0;
}

int write_quietly(int descriptor, const char* text, std::size_t size, int patience) noexcept {
  while (size > 0) {
    pollfd ready{descriptor, POLLOUT, 0};
    const int polled = kernel::poll(ready, patience);
    if (polled < 0 && errno == EINTR) continue;
    if (polled == 0) return EAGAIN;
    // A pipe that polls writable takes PIPE_BUF bytes without waiting, not more.
    struct stat st {};
    const bool pipe = fstat(descriptor, &st) == 0 && S_ISFIFO(st.st_mode);
    const std::size_t piece = pipe && size > 4096 ? 4096 : size;
    const int error = write_file(descriptor, text, piece);
    if (error != 0) return error;
    text += piece;
    size -= piece;
  }
  return 0;
}

bool stderr_fits() noexcept {
  struct stat st {};
  return fstat(STDERR_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode) || isatty(STDERR_FILENO) != 0);
}

}  // namespace p11tape::log
