// SPDX-License-Identifier: Apache-2.0
// Threads that come, go, are cancelled, interrupted by signals, or are very many.
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <thread>

#include "numbered.hpp"

using namespace p11tape;
using namespace p11tape::contract;
using namespace p11tape::crash;

namespace {

using environment = std::vector<std::pair<std::string, std::string>>;

const CK_FUNCTION_LIST* list;

void begin() {
  static const shim s;
  list = s.list();
  EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
}

void get_info(std::uint64_t n = 0) {
  CK_SESSION_INFO info;
  list->C_GetSessionInfo(std::uint64_t{1} << 40 | n, &info);
}

std::uint64_t counter(const told& t, tape::counter which) { return t.header.counters[static_cast<int>(which)]; }

}  // namespace

TEST_CASE("threads that exit while others record: every call is there, in its own thread") {
  const scratch dir;
  constexpr unsigned spawners = 4, children = 150, calls = 40;
  RUN_CLEAN({.module = null_module(), .dir = dir.path()}, [] {
    begin();
    std::vector<std::thread> all;
    for (unsigned t = 1; t <= spawners; ++t)
      all.emplace_back([t] {
        for (unsigned n = 0; n < children; ++n)
          std::thread([=] { call_numbered(list, t, n * calls + 1, (n + 1) * calls); }).join();
      });
    for (auto& t : all) t.join();
  });
  const auto t = read_only(dir.path());
  check_sound(t);
  CHECK(t.threads == spawners * children + 1);
  for (unsigned thread = 1; thread <= spawners; ++thread) CHECK(t.returned.at(thread).size() == children * calls);
}

TEST_CASE("threads that exit while a ring goes round: no chunk has two owners") {
  const scratch dir;
  constexpr unsigned spawners = 4, children = 300, calls = 60;
  RUN_CLEAN({.module = null_module(), .dir = dir.path(), .env = environment{{"P11TAPE_LIMIT", "1M"}}}, [] {
    begin();
    std::vector<std::thread> all;
    for (unsigned t = 1; t <= spawners; ++t)
      all.emplace_back([t] {
        for (unsigned n = 0; n < children; ++n) {
          std::thread([=] { call_numbered(list, t, n * calls + 1, (n + 1) * calls); }).join();
          call_numbered(list, spawners + t, n * calls + 1, (n + 1) * calls);
        }
      });
    for (auto& t : all) t.join();
    call_numbered(list, most_threads, 1, 100);
  });
  const auto t = read_only(dir.path());
  check_sound(t);
  CHECK(counter(t, tape::counter::overwritten_chunks) > 10);
  CHECK(t.lost() == 0);
  CHECK(t.returned.at(most_threads).size() == 100);
}

TEST_CASE("1,000 threads cost less than 32 MiB of tape") {
  const scratch dir;
  RUN_CLEAN({.module = null_module(), .dir = dir.path()}, [] {
    begin();
    pthread_barrier_t together;
    pthread_barrier_init(&together, nullptr, 1001);
    std::vector<std::thread> all;
    for (unsigned n = 1; n <= 1000; ++n)
      all.emplace_back([n, &together] {
        CK_ATTRIBUTE none{};
        list->C_FindObjectsInit(std::uint64_t{2} << 40 | n, &none, 0);
        get_info(n);
        pthread_barrier_wait(&together);
      });
    pthread_barrier_wait(&together);
    for (auto& t : all) t.join();
  });
  struct stat st {};
  REQUIRE(stat(tapes(dir.path()).at(0).c_str(), &st) == 0);
  CHECK(st.st_blocks * 512 < 32 << 20);
  CHECK(st.st_size < 32 << 20);
  const auto t = read_only(dir.path());
  check_sound(t);
  CHECK(t.threads == 1001);
  CHECK(t.returned.at(1).size() == 1000);
  CHECK(t.returned.at(2).size() == 1000);
}

TEST_CASE("cancellation that is asynchronous, at any instant") {
#ifdef P11TAPE_SANITIZED
  SKIP("the sanitizers do not survive it");
#endif
  const scratch dir;
  RUN_CLEAN({.module = null_module(), .dir = dir.path()}, [] {
    begin();
    for (int n = 0; n < 150; ++n) {
      pthread_t thread;
      const auto work = [](void*) -> void* {
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, nullptr);
        for (;;) get_info(1000);
      };
      EXPECT(pthread_create(&thread, nullptr, work, nullptr) == 0);
      usleep(static_cast<useconds_t>(n * 7 % 400));
      EXPECT(pthread_cancel(thread) == 0);
      void* result = nullptr;
      EXPECT(pthread_join(thread, &result) == 0);
      EXPECT(result == PTHREAD_CANCELED);
      get_info(static_cast<std::uint64_t>(n) + 1);
    }
  });
  const auto t = read_only(dir.path());
  check_sound(t);
  for (std::uint64_t n = 1; n <= 150; ++n) CHECK(t.returned.at(1).count(n) == 1);
}

namespace {

std::atomic<unsigned> from_handler{0};

void in_handler(int) {
  const int e = errno;
  CK_SESSION_INFO info;
  list->C_GetSessionInfo(7, &info);
  ++from_handler;
  errno = e;
}

void tick(unsigned microseconds, int flags, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(SIGALRM, &action, nullptr);
  const auto us = static_cast<suseconds_t>(microseconds);
  const itimerval every{{0, us}, {0, us}};
  setitimer(ITIMER_REAL, &every, nullptr);
}

void stop_ticking() {
  const itimerval never{};
  setitimer(ITIMER_REAL, &never, nullptr);
}

}  // namespace

TEST_CASE("calls from signal handlers: forwarded, and recorded or counted") {
  const bool other_stack = GENERATE(false, true);
  const scratch dir;
  static std::atomic<unsigned>* const handled = static_cast<std::atomic<unsigned>*>(
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  constexpr std::uint64_t calls = 100000;
  RUN_CLEAN({.module = null_module(), .dir = dir.path()}, [=] {
    begin();
    static char stack[64 * 1024];
    const stack_t s{.ss_sp = stack, .ss_flags = 0, .ss_size = sizeof stack};
    if (other_stack) sigaltstack(&s, nullptr);
    tick(150, SA_RESTART | (other_stack ? SA_ONSTACK : 0), in_handler);
    for (std::uint64_t n = 1; n <= calls || from_handler < 20; ++n) get_info(n);
    stop_ticking();
    handled->store(from_handler);
  });
  const auto t = read_only(dir.path());
  check_sound(t);
  CHECK(t.returned.at(1).size() >= calls);
  CHECK(t.returned.at(1).size() == t.begun.at(1).size());
  CHECK(t.others.at("C_GetSessionInfo") + counter(t, tape::counter::interrupted) == *handled);
}

TEST_CASE("siglongjmp out of a handler that interrupted the recorder: the thread's later calls are recorded") {
  const scratch dir;
  constexpr std::uint64_t last = 1000000;
  RUN_CLEAN({.module = null_module(), .dir = dir.path()}, [] {
    begin();
    static sigjmp_buf out;
    static volatile std::sig_atomic_t jumps = 0;
    tick(300, 0, [](int) {
      jumps = jumps + 1;
      siglongjmp(out, 1);
    });
    sigsetjmp(out, 1);
    while (jumps < 100) get_info();
    stop_ticking();
    get_info(last);
  });
  const auto t = read_only(dir.path());
  check_sound(t);
  CHECK(t.returned.at(1).count(last) == 1);
}
