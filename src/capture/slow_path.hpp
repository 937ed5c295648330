// Around work that the kernel is asked for: errno is the host's, and a cancellation of the host's thread that is due
// must not strike in the middle. It is never held while the module runs, but for loading it.
#pragma once

#include <pthread.h>

#include <cerrno>

namespace p11tape::capture {

class slow_path {
 public:
  slow_path() noexcept {
    pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type_);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state_);
  }
  ~slow_path() noexcept {
    int ignored = 0;
    // In this order: a cancellation that strikes in pthread_setcancelstate would lose PTHREAD_CANCELED (glibc 2.36).
    errno = error_;
    pthread_setcancelstate(state_, &ignored);
    pthread_setcanceltype(type_, &ignored);
  }
  slow_path(const slow_path&) = delete;
  slow_path& operator=(const slow_path&) = delete;

 private:
  int error_ = errno;
  int state_ = 0;
  int type_ = 0;
};

}  // namespace p11tape::capture
