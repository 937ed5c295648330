// SPDX-License-Identifier: Apache-2.0
#include "player/module/module.hpp"

#include <pthread.h>

#include <cerrno>
#include <ctime>

namespace p11tape::player {
namespace {

// A thread that is cancelled while it holds the lock would leave it held for ever.
class no_cancellation {
 public:
  no_cancellation() noexcept { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  ~no_cancellation() noexcept { pthread_setcancelstate(before_, nullptr); }
  no_cancellation(const no_cancellation&) = delete;
  no_cancellation& operator=(const no_cancellation&) = delete;

 private:
  int before_ = 0;
};

void sleep_for(u64 ns) noexcept {
  constexpr u64 second = 1'000'000'000;
  timespec left{static_cast<time_t>(ns / second), static_cast<long>(ns % second)};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

}  // namespace

player& the_player() {
  static player* const one = [] {
    static player* p = nullptr;
    p = new player;
    pthread_atfork([] { p->lock_for_fork(); }, [] { p->after_fork(false); }, [] { p->after_fork(true); });
    return p;
  }();
  return *one;
}

CK_RV play(cryptoki::function f, const u64* words) noexcept {
  reply r;
  const int error = errno;
  {
    const no_cancellation hold;
    const CK_RV failure = guarded([&] {
      r = the_player().answer(f, words);
      return CK_RV{CKR_OK};
    });
    if (failure != CKR_OK) r = {failure, 0};
  }
  if (r.delay != 0) sleep_for(r.delay);
  errno = error;
  return r.value;
}

}  // namespace p11tape::player
