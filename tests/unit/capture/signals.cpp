// SPDX-License-Identifier: Apache-2.0
// What is held back while the recorder works, and that the host finds everything as it was.
#include <catch2/catch.hpp>

#include <cerrno>
#include <csignal>

#include "capture/host/signals_deferred.hpp"

using namespace p11tape;

namespace {

kernel::signal_bits mask_now() {
  kernel::signal_bits mask = 0;
  REQUIRE(kernel::set_signal_mask(SIG_BLOCK, 0, &mask));
  return mask;
}

}  // namespace

TEST_CASE("signals are held back, but for faults and those of the C library, and come back as they were") {
  const auto outer = mask_now();
  const auto before = outer | kernel::bit_of_signal(SIGUSR2);
  REQUIRE(kernel::set_signal_mask(SIG_SETMASK, before, nullptr));
  errno = ERANGE;
  {
    const capture::signals_deferred guard;
    sigset_t seen;
    REQUIRE(pthread_sigmask(SIG_BLOCK, nullptr, &seen) == 0);  // as the C library sees it
    for (const int held : {SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGRTMIN, SIGRTMAX}) {
      CAPTURE(held);
      CHECK(sigismember(&seen, held) == 1);
    }
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) {
      CAPTURE(fault);
      CHECK(sigismember(&seen, fault) == 0);
    }
    CHECK((mask_now() & (kernel::bit_of_signal(32) | kernel::bit_of_signal(33))) == 0);
    errno = EIO;
  }
  CHECK(errno == ERANGE);
  CHECK(mask_now() == before);
  {
    const capture::signals_deferred guard(false);
    CHECK(mask_now() == before);
  }
  CHECK(mask_now() == before);
  REQUIRE(kernel::set_signal_mask(SIG_SETMASK, outer, nullptr));
}
