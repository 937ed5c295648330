// SPDX-License-Identifier: Apache-2.0
// E: C_Initialize and C_Finalize, death inside a call, the end of the process.
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <thread>

#include "support.hpp"
#include "tapes.hpp"

using namespace p11tape;
using namespace p11tape::contract;

TEST_CASE("E1: C_Finalize and C_Initialize again, twice, refused: all as the module says, all on the tape") {
  const scratch dir;
  RUN_CLEAN(setup{.dir = dir.path()}, [] {
    const shim s;
    const auto* const list = s.list();
    for (int round = 0; round < 3; ++round) {
      EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
      EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_CRYPTOKI_ALREADY_INITIALIZED});
      EXPECT_EQ(list->C_Finalize(nullptr), CK_RV{CKR_OK});
      EXPECT_EQ(list->C_Finalize(nullptr), CK_RV{CKR_CRYPTOKI_NOT_INITIALIZED});
    }
    script().configure("C_Initialize=CKR_CANT_LOCK");
    EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_CANT_LOCK});
  });
  REQUIRE(tapes(dir.path()).size() == 1);
  const auto calls = calls_in(dir.path());
  CHECK(count(calls, "C_Initialize") == 7);
  CHECK(count(calls, "C_Finalize") == 6);
}

TEST_CASE("E1: every exported function before C_Initialize, as the very first call of all") {
  for (std::size_t i = 0; i < cryptoki::function_count; ++i) {
    const auto f = static_cast<function>(i);
    if (f == function::C_GetFunctionList || f == function::C_GetInterface || f == function::C_GetInterfaceList ||
        f == function::C_Initialize)
      continue;
    const auto result = run(setup{}, [&] {
      const shim s;
      const std::vector<word> none(mock::most_arguments);
      EXPECT_EQ(mock::call_address(s.symbol(cryptoki::row(f).name.data()), f, none),
                CK_RV{CKR_CRYPTOKI_NOT_INITIALIZED});
    });
    INFO(cryptoki::row(f).name << ": " << result.describe());
    CHECK(result.clean());
  }
}

TEST_CASE("E3: the host dies inside a call as it would without us, and the tape ends in that call") {
#ifdef __SANITIZE_THREAD__
  SKIP("ThreadSanitizer takes the host's handlers of fatal signals for its own");
#endif
  struct death {
    const char* how;
    int signal;
    int status;
  };
  const auto d = GENERATE(death{"segv", SIGSEGV, 0}, death{"abort", SIGABRT, 0}, death{"exit", 0, 7});
  const scratch dir;
  const auto result = run(setup{.mock = std::string("C_SignInit:") + d.how, .dir = dir.path()}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    CK_MECHANISM m = {CKM_RSA_PKCS, nullptr, 0};
    list->C_SignInit(1, &m, 2);
    fail(__FILE__, __LINE__, "the module did not die");
  });
  INFO(result.describe());
  CHECK(result.report.empty());
  if (d.signal != 0) {
    CHECK(result.died_of(d.signal));
  } else {
    CHECK((WIFEXITED(result.status) && WEXITSTATUS(result.status) == d.status));
  }
  const auto calls = calls_in(dir.path());
  REQUIRE(!calls.empty());
  CHECK(calls.back().function == "C_SignInit");
  CHECK(calls.back().state == tape::call_state::in_flight);
}

TEST_CASE("E3: SIGKILL while the module hangs leaves a tape that ends in that call") {
  const scratch dir;
  const auto result = run(setup{.mock = "C_Login:hang", .dir = dir.path()}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    std::thread([] {
      while (script()[function::C_Login].calls == 0) std::this_thread::yield();
      kill(getpid(), SIGKILL);
    }).detach();
    list->C_Login(1, CKU_USER, nullptr, 0);
  });
  CHECK(result.died_of(SIGKILL));
  const auto calls = calls_in(dir.path());
  REQUIRE(!calls.empty());
  CHECK(calls.back().function == "C_Login");
  CHECK(calls.back().state == tape::call_state::in_flight);
}

namespace {

CK_FUNCTION_LIST* late_list;

// Ends the process with the result of a call, from wherever it is called.
struct calls_at_the_end {
  ~calls_at_the_end() {
    if (late_list != nullptr) late_list->C_Logout(1);
  }
};
calls_at_the_end
    when_statics_are_gone;  // made before the shim is loaded, so that it goes after everything of the shim's

void finalise_late() { late_list->C_Finalize(nullptr); }

void* in_tls_destructor(void*) {
  static pthread_key_t key;
  pthread_key_create(&key, [](void*) {
    CK_INFO info;
    late_list->C_GetInfo(&info);
  });
  pthread_setspecific(key, &key);
  CK_INFO info;
  late_list->C_GetInfo(&info);
  return nullptr;
}

}  // namespace

TEST_CASE("E4: calls from exit handlers, static destructors and TLS destructors are forwarded and recorded") {
  const scratch dir;
  RUN_CLEAN(setup{.dir = dir.path()}, [] {
    std::atexit(finalise_late);
    const shim s;
    late_list = s.list();
    late_list->C_Initialize(nullptr);
    pthread_t thread;
    EXPECT(pthread_create(&thread, nullptr, in_tls_destructor, nullptr) == 0);
    pthread_join(thread, nullptr);
    EXPECT_EQ(script()[function::C_GetInfo].calls.load(), word{2});
    std::exit(0);
  });
  const auto calls = calls_in(dir.path());
  CHECK(count(calls, "C_GetInfo") == 2);
  CHECK(count(calls, "C_Finalize") == 1);
  CHECK(count(calls, "C_Logout") == 1);
  for (const auto& c : calls) CHECK(c.state == tape::call_state::returned);
}

TEST_CASE("E4: _exit right after a call loses nothing") {
  const scratch dir;
  RUN_CLEAN(setup{.dir = dir.path()}, [] {
    const shim s;
    s.list()->C_Initialize(nullptr);
    CK_INFO info;
    s.list()->C_GetInfo(&info);
    _exit(0);
  });
  const auto calls = calls_in(dir.path());
  REQUIRE(!calls.empty());
  CHECK(calls.back().function == "C_GetInfo");
  CHECK(calls.back().state == tape::call_state::returned);
}
