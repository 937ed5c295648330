// SPDX-License-Identifier: Apache-2.0
// Around work that the kernel is asked for, some of it under a lock: errno is the host's, and nothing of the host's may
// strike in the middle: neither a cancellation of its thread, nor a signal handler that jumps away or calls us again.
#pragma once

#include <pthread.h>

#include <cerrno>
#include <csignal>
#include <initializer_list>

namespace p11tape::capture {

/// For work in which the module runs as well (loading it): its threads must not inherit a mask of ours.
class cancellation_held {
 public:
  cancellation_held() noexcept {
    pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type_);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state_);
  }
  ~cancellation_held() noexcept {
    int ignored = 0;
    // In this order: a cancellation that strikes in pthread_setcancelstate would lose PTHREAD_CANCELED (glibc 2.36).
    errno = error_;
    pthread_setcancelstate(state_, &ignored);
    pthread_setcanceltype(type_, &ignored);
  }
  cancellation_held(const cancellation_held&) = delete;
  cancellation_held& operator=(const cancellation_held&) = delete;

 private:
  int error_ = errno;
  int state_ = 0;
  int type_ = 0;
};

/// Never held while the module runs. Signals of faults stay as they are. What is asked of the kernel inside is asked by
/// tape/raw_syscalls.hpp, or by functions that are no points of cancellation.
class signals_deferred {
 public:
  /// `by_kernel` false: the process makes no system call for us any more, so signals are not held back.
  explicit signals_deferred(bool by_kernel = true) noexcept : by_kernel_(by_kernel) {
    if (!by_kernel_) return;
    sigset_t held;
    sigfillset(&held);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) sigdelset(&held, fault);
    pthread_sigmask(SIG_BLOCK, &held, &mask_);
  }
  ~signals_deferred() noexcept {
    if (by_kernel_) pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  }
  signals_deferred(const signals_deferred&) = delete;
  signals_deferred& operator=(const signals_deferred&) = delete;

 private:
  cancellation_held cancellation_;
  bool by_kernel_;
  sigset_t mask_;
};

}  // namespace p11tape::capture
