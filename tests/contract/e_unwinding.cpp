// SPDX-License-Identifier: Apache-2.0
// E: calls that are left without returning. The host lives, its other calls go on, and the tape tells.
#include <pthread.h>
#include <unistd.h>

#include <csetjmp>
#include <ctime>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include "support.hpp"
#include "tapes.hpp"

using namespace p11tape;
using namespace p11tape::contract;

namespace {

CK_FUNCTION_LIST* list;

void* login(void*) {
  list->C_Login(1, CKU_USER, nullptr, 0);
  return nullptr;
}

void still_works() {
  CK_INFO info;
  EXPECT_EQ(list->C_GetInfo(&info), CK_RV{CKR_OK});
  std::thread([] {
    CK_INFO in_thread;
    EXPECT_EQ(list->C_GetInfo(&in_thread), CK_RV{CKR_OK});
  }).join();
}

void begin() {
  static const shim s;
  list = s.list();
  EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
}

void check_tape(const scratch& dir, const std::string& left, tape::call_state state) {
  const auto calls = calls_in(dir.path());
  CHECK(count(calls, left) >= 1);
  for (const auto& c : calls) {
    INFO(c.function);
    if (c.function == left) CHECK(c.state == state);
    if (c.function == "C_GetInfo") CHECK(c.state == tape::call_state::returned);
    CHECK(c.depth == 0);
  }
}

}  // namespace

TEST_CASE("unwinding: a thread that is cancelled inside the module") {
  const scratch dir;
  RUN_CLEAN(setup{.mock = "C_Login:hang", .dir = dir.path(), .seconds = 20}, [] {
    begin();
    for (int n = 0; n < 5; ++n) {
      pthread_t thread;
      EXPECT(pthread_create(&thread, nullptr, login, nullptr) == 0);
      while (script()[function::C_Login].calls <= static_cast<word>(n)) std::this_thread::yield();
      EXPECT(pthread_cancel(thread) == 0);
      void* result = nullptr;
      EXPECT(pthread_join(thread, &result) == 0);
      EXPECT(result == PTHREAD_CANCELED);
      still_works();
    }
  });
  check_tape(dir, "C_Login", tape::call_state::in_flight);
}

TEST_CASE("unwinding: the module ends the thread by pthread_exit") {
  const scratch dir;
  RUN_CLEAN(setup{.mock = "C_Login:thread_exit", .dir = dir.path(), .seconds = 20}, [] {
    begin();
    pthread_t thread;
    EXPECT(pthread_create(&thread, nullptr, login, nullptr) == 0);
    EXPECT(pthread_join(thread, nullptr) == 0);
    still_works();
  });
  check_tape(dir, "C_Login", tape::call_state::in_flight);
}

namespace {

// Deep in the stack, so that the calls after it come from nearer to its start: that is how a call which was left is
// known.
__attribute__((noinline)) void deep(const std::function<void()>& call) {
  volatile char room[4096];
  room[0] = 0;
  call();
  room[1] = room[0];
}

}  // namespace

TEST_CASE("unwinding: a C++ exception passes through, and the thread's next call heals") {
  const scratch dir;
  RUN_CLEAN(setup{.mock = "C_Login:throw", .dir = dir.path(), .seconds = 20}, [] {
    begin();
    for (int n = 0; n < 100; ++n) {
      bool caught = false;
      try {
        deep([] { list->C_Login(1, CKU_USER, nullptr, 0); });
      } catch (const std::runtime_error& e) {
        caught = std::string(e.what()) == "thrown by the mock module";
      }
      EXPECT(caught);
      still_works();
    }
  });
  check_tape(dir, "C_Login", tape::call_state::left);
}

namespace {

std::jmp_buf back;
CK_RV jump(CK_SESSION_HANDLE, CK_NOTIFICATION, void*) { std::longjmp(back, 1); }

}  // namespace

TEST_CASE("unwinding: longjmp out of a Notify callback") {
  const scratch dir;
  RUN_CLEAN(setup{.mock = "C_SeedRandom:notify", .dir = dir.path(), .seconds = 20}, [] {
    begin();
    CK_SESSION_HANDLE session = 0;
    list->C_OpenSession(1, CKF_SERIAL_SESSION, nullptr, jump, &session);
    static int n;  // not a local: its value would be indeterminate after longjmp
    for (n = 0; n < 100; ++n) {
      CK_BYTE seed[4] = {};
      if (setjmp(back) == 0) {
        deep([&] { list->C_SeedRandom(session, seed, sizeof seed); });
        fail(__FILE__, __LINE__, "the callback came back");
      }
      still_works();
    }
  });
  check_tape(dir, "C_SeedRandom", tape::call_state::left);
}

// A cancellation that is due takes effect at the next cancellation point. Without a shim a call that has none returns,
// so with one it must, too: also while the thread's first piece of the tape is made, and while the module is loaded.
TEST_CASE("unwinding: a cancellation that is due does not take effect inside the shim") {
  const bool first_of_all = GENERATE(true, false);
  RUN_CLEAN(setup{.seconds = 20}, [&] {
    static shim* s;
    s = new shim;
    if (!first_of_all) begin();
    static bool came_back;
    came_back = false;
    for (int n = 0; n < 3; ++n) {
      pthread_t thread;
      EXPECT(pthread_create(
                 &thread, nullptr,
                 [](void*) -> void* {
                   pthread_cancel(pthread_self());
                   CK_FUNCTION_LIST* mine = nullptr;
                   P11TAPE_EXPORTED(*s, C_GetFunctionList)(&mine);
                   CK_INFO info;
                   mine->C_GetInfo(&info);
                   came_back = true;
                   pthread_testcancel();
                   return nullptr;
                 },
                 nullptr) == 0);
      void* result = nullptr;
      EXPECT(pthread_join(thread, &result) == 0);
      EXPECT(result == PTHREAD_CANCELED);
      EXPECT(came_back);
    }
    if (first_of_all) begin();
    still_works();
  });
}
