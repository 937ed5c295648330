// SPDX-License-Identifier: Apache-2.0
// Hosts that are killed. Whatever was seen to return is on the tape.
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <random>
#include <thread>

#include "../contract/private_mounts.hpp"
#include "numbered.hpp"

using namespace p11tape;
using namespace p11tape::contract;
using namespace p11tape::crash;

namespace {

constexpr unsigned threads = 4;

// Calls with four threads and is killed after so long.
void live_for(unsigned microseconds, acknowledged& acks) {
  const shim s;
  const auto* const list = s.list();
  list->C_Initialize(nullptr);
  CK_SESSION_HANDLE session = 0;
  list->C_OpenSession(1, CKF_SERIAL_SESSION, nullptr, nullptr, &session);
  CK_UTF8CHAR pin[] = "1234";
  list->C_Login(1, CKU_USER, pin, 4);
  for (unsigned t = 1; t <= threads; ++t) std::thread([=, &acks] { call_for_ever(list, t, acks); }).detach();
  usleep(microseconds);
  kill(getpid(), SIGKILL);
}

// A busy machine starts the threads late.
void wait_for_calls(const acknowledged& acks) {
  while (acks.newest.load() == 0) usleep(1000);
}

// P11TAPE_TEST_KILLS=10000 build/bin/p11tape_crash_tests "SIGKILL*" is the long run.
int kills() {
  const char* wanted = getenv("P11TAPE_TEST_KILLS");
  return wanted != nullptr ? std::atoi(wanted) : 100;
}

unsigned some_time(std::mt19937& random, unsigned most) {
  return std::uniform_int_distribution<unsigned>(0, most)(random);
}

// `whole`: nothing has been overwritten, so that every call is there. Otherwise only the newest are, and which thread
// has made them depends on how the machine has shared its time among them.
void check(const told& t, const acknowledged& acks, bool whole) {
  check_sound(t);
  CHECK(t.others.count("C_Initialize") == 1);
  CHECK(t.others.count("C_OpenSession") == 1);
  CHECK(t.others.count("C_Login") == 1);
  for (unsigned thread = 1; thread <= threads; ++thread) {
    const auto last = acks.last[thread].load();
    if (last == 0 || (!whole && thread != acks.newest.load())) continue;
    INFO("thread " << thread << " has seen " << last << " calls return");
    const auto at = t.returned.find(thread);
    REQUIRE(at != t.returned.end());
    const auto& returned = at->second;
    // A thread that was not scheduled while others went round the ring has the chunk that it is in and the one before:
    // that is all since the last large call, or twenty of the small ones.
    const auto since_large = last - last % large_call_every + 1;
    const auto first = whole ? 1 : std::max(since_large, last > 20 ? last - 20 : 1);
    for (auto n = first; n <= last; ++n)
      if (returned.count(n) == 0) FAIL_CHECK("call " << n << " is not on the tape");
    // What was not acknowledged is at most one call further.
    CHECK(*t.begun.at(thread).rbegin() <= last + 1);
  }
}

}  // namespace

TEST_CASE("SIGKILL at random instants while 4 threads call: every call whose return was seen is on the tape") {
  std::mt19937 random(std::random_device{}());
  auto& acks = acknowledgements();
  for (int round = 0; round < kills(); ++round) {
    const scratch dir;
    acknowledgements();
    const auto time = some_time(random, 6000);
    const auto result = run({.module = null_module(), .dir = dir.path()}, [&] { live_for(time, acks); });
    INFO("killed after " << time << " microseconds\n" << result.describe());
    REQUIRE(result.died_of(SIGKILL));
    check(read_only(dir.path()), acks, true);
  }
}

TEST_CASE("a ring that has wrapped reads after SIGKILL at any instant, and still knows its sessions and logins") {
  std::mt19937 random(std::random_device{}());
  auto& acks = acknowledgements();
  std::uint64_t overwritten = 0;
  for (int round = 0; round < 30; ++round) {
    const scratch dir;
    acknowledgements();
    const auto time = (10000 + some_time(random, 40000)) * (sanitized ? 10 : 1);
    const auto result = run({.module = null_module(), .dir = dir.path(), .env = {{"P11TAPE_LIMIT", "1M"}}},
                            [&] { live_for(time, acks); });
    INFO("killed after " << time << " microseconds\n" << result.describe());
    REQUIRE(result.died_of(SIGKILL));
    CHECK(file_size(tapes(dir.path()).at(0)) <= 1 << 20);
    const auto t = read_only(dir.path());
    check(t, acks, false);
    overwritten += t.header.counters[static_cast<int>(tape::counter::overwritten_chunks)];
  }
  CHECK(overwritten > 0);
}

TEST_CASE("a file system that does not keep a mapping honest: written with pwrite, and no less there after SIGKILL") {
  auto& acks = acknowledgements();
  const auto limit = GENERATE(as<std::string>{}, "64M", "1M");
  const scratch out;
  const auto result = run({.module = null_module(), .env = {{"P11TAPE_LIMIT", limit}}}, [&] {
    create_directory(std::filesystem::path(getenv("P11TAPE_DIR")));
    if (!private_mounts() || mount("none", getenv("P11TAPE_DIR"), "ramfs", 0, nullptr) != 0) {
      std::ofstream(out / "skipped") << "";
      return;
    }
    std::mt19937 random(std::random_device{}());
    for (int round = 0; round < 5; ++round) {
      const auto time = some_time(random, 20000);
      const int status = in_fork([&] { live_for(time, acks); });
      EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
      const auto made = tapes(getenv("P11TAPE_DIR"));
      EXPECT_EQ(made.size(), std::size_t{1});
      copy_file(made[0], out / (std::to_string(round) + ".p11tape"));
      // What the host has seen goes along.
      std::ofstream seen(out / std::to_string(round));
      seen << acks.newest.load() << ' ';
      for (const auto& last : acks.last) seen << last.load() << ' ';
      acknowledgements();
      remove(made[0]);
    }
  });
  if (exists(out / "skipped")) SKIP("no ramfs can be mounted here");
  INFO(result.describe());
  REQUIRE(result.clean());
  for (int round = 0; round < 5; ++round) {
    std::ifstream seen(out / std::to_string(round));
    unsigned newest = 0;
    seen >> newest;
    acks.newest = newest;
    for (auto& last : acks.last) {
      std::uint64_t n = 0;
      seen >> n;
      last = n;
    }
    check(read(out / (std::to_string(round) + ".p11tape")), acks, limit == "64M");
  }
}

TEST_CASE("abort while four threads call") {
  const scratch dir;
  auto& acks = acknowledgements();
  const auto result = run({.module = null_module(), .dir = dir.path()}, [&] {
    std::thread([&acks] {
      wait_for_calls(acks);
      usleep(20000);
      abort();
    }).detach();
    live_for(5000000, acks);
  });
  REQUIRE(result.died_of(SIGABRT));
  check(read_only(dir.path()), acks, true);
}

namespace {

// A group of processes that may use little memory, where this machine lets us make one (cgroup version 1 or 2).
class small_memory {
 public:
  small_memory() {
    std::error_code refused;
    for (const auto* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/memory"}) {
      path_ = std::filesystem::path(root) / ("p11tape-test-" + std::to_string(getpid()));
      create_directory(path_, refused);
      for (const auto* limit : {"memory.max", "memory.limit_in_bytes"})
        if (!refused && exists(path_ / limit)) {
          std::ofstream(path_ / limit) << "64M";
          std::ofstream(path_ / "memory.swap.max") << "0";
          return;
        }
      remove(path_, refused);
    }
    path_.clear();
  }
  small_memory(const small_memory&) = delete;
  small_memory& operator=(const small_memory&) = delete;
  ~small_memory() {
    std::error_code busy;
    for (int tries = 0; tries < 100 && !path_.empty() && !remove(path_, busy); ++tries) usleep(10000);
  }
  bool works() const { return !path_.empty(); }
  void enter() const { std::ofstream(path_ / "cgroup.procs") << getpid() << std::flush; }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("killed by the kernel for want of memory") {
#ifdef P11TAPE_SANITIZED
  SKIP("the sanitizers need more memory than that");
#endif
  const small_memory group;
  if (!group.works()) SKIP("no memory cgroup can be made here");
  const scratch dir;
  auto& acks = acknowledgements();
  const auto result = run({.module = null_module(), .dir = dir.path()}, [&] {
    group.enter();
    std::thread([&acks] {
      wait_for_calls(acks);
      usleep(10000);
      for (;;) std::fill_n(new char[1 << 20], 1 << 20, 'x');
    }).detach();
    live_for(20000000, acks);
  });
  INFO(result.describe());
  REQUIRE(result.died_of(SIGKILL));
  check(read_only(dir.path()), acks, false);
}
