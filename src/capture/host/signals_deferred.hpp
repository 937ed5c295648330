// SPDX-License-Identifier: Apache-2.0
// Around work that the kernel is asked for, some of it under a lock: errno is the host's, and nothing of the host's may
// strike in the middle: neither a cancellation of its thread, nor a signal handler that jumps away or calls us again.
#pragma once

#include <pthread.h>

#include <cerrno>
#include <csignal>
#include <initializer_list>

#include "tape/raw_syscalls.hpp"

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
  explicit signals_deferred(bool by_kernel = true) noexcept
      : is_set_(by_kernel && kernel::set_signal_mask(SIG_BLOCK, held_back, &mask_)) {}
  ~signals_deferred() noexcept {
    if (is_set_) kernel::set_signal_mask(SIG_SETMASK, mask_, nullptr);
  }
  signals_deferred(const signals_deferred&) = delete;
  signals_deferred& operator=(const signals_deferred&) = delete;

 private:
  // All but faults, and the two signals (32, 33) by which the C library cancels threads and changes their user IDs.
  static constexpr kernel::signal_bits held_back = [] {
    auto bits = ~kernel::signal_bits{0};
    for (const int not_held : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, 32, 33})
      bits &= ~kernel::bit_of_signal(not_held);
    return bits;
  }();

  cancellation_held cancellation_;
  kernel::signal_bits mask_ = 0;
  bool is_set_;
};

}  // namespace p11tape::capture
