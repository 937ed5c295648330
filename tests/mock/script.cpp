// SPDX-License-Identifier: Apache-2.0
// The beginning and the end of each call: what arrived is noted, and the script is followed.
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <stdexcept>

#include "mock.hpp"

namespace p11tape::mock {
namespace {

// nanosleep is a point at which a thread can be cancelled, which some tests want.
void sleep_ms(std::uint32_t ms) {
  timespec left{static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000) * 1000000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

verdict act(action what) {
  switch (what) {
    case action::none:
      return {};
    case action::segv: {
      // By way of a variable: the compiler would say what it thinks of a constant address.
      static volatile word nowhere = 8;
      *pointer<volatile int>(nowhere) = 1;
      return {};
    }
    case action::abort:
      std::abort();
    case action::exit:
      _exit(7);
    case action::hang:
      for (;;) sleep_ms(1000);
    case action::throw_:
      throw std::runtime_error("thrown by the mock module");
    case action::thread_exit:
      pthread_exit(nullptr);
    case action::self: {
      CK_INFO info{};
      ::C_GetInfo(&info);
      return {};
    }
    case action::loop:
      return {.done = false, .again = true, .result = CKR_OK};
    case action::notify: {
      const auto rv = notify();
      if (rv == CKR_CANCEL) return {.done = true, .again = false, .result = CKR_FUNCTION_CANCELED};
      return {};
    }
  }
  return {};
}

}  // namespace

verdict arrive(function f, const word* words, std::size_t count) {
  configure_once();
  auto& script = mock_control[f];
  for (std::size_t i = 0; i < count; ++i) script.words[i] = words[i];
  ++script.calls;
  mock_control.log[mock_control.log_count++ % log_capacity] = static_cast<std::uint16_t>(f);

  const auto saved = errno;
  if (const auto ms = script.delay_ms.load(); ms != 0) sleep_ms(ms);
  auto result = act(script.act);
  errno = saved;
  if (!result.done && !result.again && script.scripted) {
    if (script.dirty) fill_outputs(f, words);
    const auto* const writes = script.writes.load();
    for (std::size_t i = 0; i < script.write_count.load(); ++i)
      std::memcpy(writes[i].at, writes[i].bytes, writes[i].size);
    return {.done = true, .again = false, .result = script.result};
  }
  return result;
}

CK_RV leave(function f, CK_RV result) {
  if (const int e = mock_control[f].error_number.load(); e != 0) errno = e;
  return result;
}

}  // namespace p11tape::mock
