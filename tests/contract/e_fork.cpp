// SPDX-License-Identifier: Apache-2.0
// E2: fork. Children go on with what they inherited, and keep their hands off what is the parent's.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "support.hpp"
#include "tapes.hpp"

using namespace p11tape;
using namespace p11tape::contract;

namespace {

void get_info(const CK_FUNCTION_LIST* list, int times) {
  CK_INFO info;
  for (int n = 0; n < times; ++n) EXPECT_EQ(list->C_GetInfo(&info), CK_RV{CKR_OK});
}

// Each process has a tape of its own; gives how many calls of C_GetInfo each has, sorted.
std::multiset<std::size_t> tapes_with(const std::filesystem::path& dir) {
  std::multiset<std::size_t> counts;
  for (const auto& path : tapes(dir)) {
    const auto calls = calls_of(path);
    for (const auto& c : calls) CHECK(c.state == tape::call_state::returned);
    counts.insert(count(calls, "C_GetInfo"));
  }
  return counts;
}

}  // namespace

TEST_CASE("E2: child and grandchild use the inherited table, each with a tape of its own that names its parent") {
  const scratch dir;
  RUN_CLEAN(setup{.dir = dir.path()}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    get_info(list, 1);
    const int status = in_fork([&] {
      get_info(list, 2);
      EXPECT(in_fork([&] { get_info(list, 3); }) == 0);
      get_info(list, 2);
    });
    EXPECT_EQ(status, 0);
    get_info(list, 4);
    EXPECT_EQ(list->C_Finalize(nullptr), CK_RV{CKR_OK});
  });
  CHECK(tapes_with(dir.path()) == std::multiset<std::size_t>{3, 4, 5});
  std::multiset<std::string> parents;
  for (const auto& path : tapes(dir.path())) parents.insert(property(path, "forked_from"));
  CHECK(parents.count("") == 1);
  for (const auto& path : tapes(dir.path())) {
    if (count(calls_of(path), "C_GetInfo") == 3) continue;
    CHECK(parents.count(path.string()) == 1);
  }
}

TEST_CASE("E2: a child that calls nothing has no tape, and neither has one that goes on as another program") {
  const scratch dir;
  RUN_CLEAN(setup{.dir = dir.path()}, [] {
    const shim s;
    s.list()->C_Initialize(nullptr);
    EXPECT_EQ(in_fork([] {}), 0);
    EXPECT_EQ(in_fork([] { execl("/bin/true", "true", nullptr); }), 0);
    pid_t child = 0;
    char name[] = "true";
    char* const arguments[] = {name, nullptr};
    EXPECT_EQ(posix_spawn(&child, "/bin/true", nullptr, nullptr, arguments, environ), 0);
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  });
  CHECK(tapes(dir.path()).size() == 1);
}

// As nginx does: initialised and logged in in the master, initialised again in each worker, without C_Finalize.
TEST_CASE("E2: a module that forgets in the child is initialised there again") {
  const scratch dir;
  RUN_CLEAN(setup{.mock = "forget_in_child", .dir = dir.path()}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    CK_INFO info;
    for (int worker = 0; worker < 3; ++worker)
      EXPECT_EQ(in_fork([&] {
                  EXPECT_EQ(list->C_GetInfo(&info), CK_RV{CKR_CRYPTOKI_NOT_INITIALIZED});
                  EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
                  EXPECT_EQ(list->C_GetInfo(&info), CK_RV{CKR_OK});
                  EXPECT_EQ(list->C_Finalize(nullptr), CK_RV{CKR_OK});
                }),
                0);
    EXPECT_EQ(list->C_GetInfo(&info), CK_RV{CKR_OK});
  });
  CHECK(tapes(dir.path()).size() == 4);
}

TEST_CASE("E2: fork while other threads are inside calls, blocked and busy: the child works at once") {
  const scratch dir;
  RUN_CLEAN(setup{.dir = dir.path(), .seconds = 60, .env = {{"P11TAPE_KEEP", "0"}}}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    threads.emplace_back([&] {
      CK_SLOT_ID slot = 0;
      list->C_WaitForSlotEvent(0, &slot, nullptr);
    });
    for (int t = 0; t < 3; ++t)
      threads.emplace_back([&] {
        while (!stop) get_info(list, 10);
      });
    for (int n = 0; n < 25; ++n) EXPECT_EQ(in_fork([&] { get_info(list, 20); }), 0);
    stop = true;
    for (std::size_t t = 1; t < threads.size(); ++t) threads[t].join();
    EXPECT_EQ(list->C_Finalize(nullptr), CK_RV{CKR_OK});
    threads[0].join();
  });
  std::size_t children = 0;
  for (const auto& path : tapes(dir.path()))
    if (!property(path, "forked_from").empty()) {
      ++children;
      CHECK(count(calls_of(path), "C_GetInfo") == 20);
    }
  CHECK(children == 25);
}

namespace {

const CK_FUNCTION_LIST* forking_list;
pid_t forked = -1;

// The application's own callback forks in the middle of a call: that call returns in both processes.
CK_RV fork_here(CK_SESSION_HANDLE, CK_NOTIFICATION, void*) {
  forked = fork();
  return CKR_OK;
}

}  // namespace

TEST_CASE("E2: fork inside a call: it returns in parent and child") {
  const scratch dir;
  RUN_CLEAN(setup{.mock = "C_SeedRandom:notify", .dir = dir.path()}, [] {
    const shim s;
    forking_list = s.list();
    forking_list->C_Initialize(nullptr);
    CK_SESSION_HANDLE session = 0;
    forking_list->C_OpenSession(1, CKF_SERIAL_SESSION, nullptr, fork_here, &session);
    CK_BYTE seed[4] = {};
    EXPECT_EQ(forking_list->C_SeedRandom(session, seed, sizeof seed), CK_RV{CKR_OK});
    get_info(forking_list, 1);
    if (forked == 0) _exit(0);
    int status = -1;
    waitpid(forked, &status, 0);
    EXPECT_EQ(status, 0);
  });
  CHECK(tapes_with(dir.path()) == std::multiset<std::size_t>{1, 1});
}

TEST_CASE("E2: no descriptor of ours reaches an exec'd program") {
  const scratch dir;
  const scratch files;
  RUN_CLEAN(setup{.dir = dir.path()}, [&] {
    const auto open_before = output_of({"ls", "/proc/self/fd"}, *std::make_unique<int>());
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    get_info(list, 1);
    int status = -1;
    const auto open_after = output_of({"ls", "/proc/self/fd"}, status);
    EXPECT_EQ(open_before, open_after);
    // And each that we keep says so itself.
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code error;
      const auto target = std::filesystem::read_symlink(entry.path(), error).string();
      if (target.find("p11tape") == std::string::npos || target.find("contract") == std::string::npos) continue;
      if (target.ends_with("/out") || target.ends_with("/err")) continue;
      const int flags = fcntl(std::stoi(entry.path().filename()), F_GETFD);
      EXPECT(flags < 0 || (flags & FD_CLOEXEC) != 0);
    }
  });
}

TEST_CASE("E2: a host that closes all descriptors, and opens files of its own under their numbers") {
  const scratch dir;
  const scratch files;
  const auto mine = (files / "mine").string();
  RUN_CLEAN(setup{.dir = dir.path()}, [&] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    get_info(list, 1);
    for (int fd = 3; fd < 1024; ++fd) close(fd);
    for (int fd = 3; fd < 40; ++fd) EXPECT(open(mine.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600) == fd);
    // Many threads: each needs a new piece of the tape.
    std::vector<std::thread> threads;
    for (int t = 0; t < 20; ++t) threads.emplace_back([&] { get_info(list, 300); });
    for (auto& t : threads) t.join();
    EXPECT_EQ(in_fork([&] { get_info(list, 3); }), 0);
  });
  CHECK(std::filesystem::file_size(mine) == 0);
  CHECK(!tapes(dir.path()).empty());
}
