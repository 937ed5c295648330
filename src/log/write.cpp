#include "log/write.hpp"
#include "tape/kernel.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <initializer_list>

namespace p11tape::log {
namespace {

// Holds back the signals that a write may raise in the thread that writes, and takes them out again.
class held_signals {
 public:
  held_signals() noexcept {
    sigset_t pending;
    sigemptyset(&ours_);
    sigemptyset(&pending);
    sigpending(&pending);
    for (const int s : {SIGPIPE, SIGXFSZ})
      if (sigismember(&pending, s) != 1) sigaddset(&ours_, s);
    pthread_sigmask(SIG_BLOCK, &ours_, &before_);
  }
  ~held_signals() noexcept {
    const timespec at_once{};
    while (raised_ && sigtimedwait(&ours_, nullptr, &at_once) < 0 && errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  held_signals(const held_signals&) = delete;
  held_signals& operator=(const held_signals&) = delete;
  void raised() noexcept { raised_ = true; }

 private:
  sigset_t ours_, before_;
  bool raised_ = false;
};

}  // namespace

int write_quietly(int descriptor, const char* text, std::size_t size, int patience) noexcept {
  held_signals held;
  while (size > 0) {
    pollfd ready{descriptor, POLLOUT, 0};
    const int polled = kernel::poll(ready, patience);
    if (polled < 0 && errno == EINTR) continue;
    if (polled == 0) return EAGAIN;
    // A pipe that polls writable takes PIPE_BUF bytes without waiting, not more.
    struct stat st {};
    const bool pipe = fstat(descriptor, &st) == 0 && S_ISFIFO(st.st_mode);
    const ssize_t n = kernel::write(descriptor, text, pipe && size > 4096 ? 4096 : size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      if (errno == EPIPE || errno == EFBIG) held.raised();
      return errno;
    }
    text += n;
    size -= static_cast<std::size_t>(n);
  }
  return 0;
}

bool stderr_fits() noexcept {
  struct stat st {};
  return fstat(STDERR_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode) || isatty(STDERR_FILENO) != 0);
}

}  // namespace p11tape::log
