// SPDX-License-Identifier: Apache-2.0
// Processes that multiply: each has its own readable tape or none, and nobody spoils another's.
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "../contract/tapes.hpp"
#include "numbered.hpp"

using namespace p11tape;
using namespace p11tape::contract;
using namespace p11tape::crash;

namespace {

// The tape on which thread `t` of the hosts has left its numbers.
told tape_of(const scratch& dir, unsigned t) {
  for (const auto& path : tapes(dir.path()))
    if (auto found = read(path); found.begun.count(t) != 0) return found;
  FAIL("no tape has calls of thread " << t);
  return {};
}

void check_whole(const scratch& dir, unsigned thread, std::uint64_t calls) {
  INFO("thread " << thread);
  const auto t = tape_of(dir, thread);
  check_sound(t);
  CHECK(t.returned.at(thread).size() == calls);
  CHECK(t.begun.size() == 1);
}

const CK_FUNCTION_LIST* begin() {
  static const shim s;
  const auto* const list = s.list();
  EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
  return list;
}

// Linux 4.14 and newer wipe a page in children however they were made.
bool kernel_wipes() {
  void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return madvise(page, 4096, MADV_WIPEONFORK) == 0;
}

bool descriptor_leaks() {
  std::string found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    found = read_symlink(entry.path(), gone).string();
    if (found.find(".p11tape") != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("fork while four threads record, again and again: parent and children have whole tapes") {
  const scratch dir;
  constexpr std::uint64_t calls = 3000;
  RUN_CLEAN({.module = null_module(), .dir = dir.path(), .env = {{"P11TAPE_KEEP", "0"}}}, [] {
    const auto* const list = begin();
    std::atomic<bool> stop{false};
    std::vector<std::thread> crew;
    for (unsigned t = 0; t < 3; ++t)
      crew.emplace_back([&] {
        CK_SESSION_INFO info;
        while (!stop) list->C_GetSessionInfo(1, &info);
      });
    for (unsigned child = 1; child <= 8; ++child)
      EXPECT_EQ(in_fork([=] {
                  call_numbered(list, child, 1, calls);
                  EXPECT_EQ(in_fork([=] { call_numbered(list, child + 8, 1, 50); }), 0);
                  call_numbered(list, child, calls + 1, calls + 50);
                }),
                0);
    stop = true;
    for (auto& t : crew) t.join();
  });
  for (unsigned child = 1; child <= 8; ++child) {
    check_whole(dir, child, calls + 50);
    check_whole(dir, child + 8, 50);
  }
  CHECK(tapes(dir.path()).size() == 17);
}

TEST_CASE("vfork and posix_spawn: the other program has nothing of ours, and the parent's tape goes on") {
  const scratch dir;
  RUN_CLEAN({.module = null_module(), .dir = dir.path()}, [] {
    const auto* const list = begin();
    call_numbered(list, 1, 1, 100);
    EXPECT(descriptor_leaks());  // the tape's own descriptor is there, but closes on exec
    const char* const command = "! ls -l /proc/self/fd | grep -q '[.]p11tape'";
    const char* const arguments[] = {"sh", "-c", command, nullptr};
    int status = -1;
    pid_t child = vfork();
    if (child == 0) {
      execv("/bin/sh", const_cast<char* const*>(arguments));
      _exit(127);
    }
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT(posix_spawn(&child, "/bin/sh", nullptr, nullptr, const_cast<char* const*>(arguments), environ) == 0);
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    call_numbered(list, 1, 101, 5000);
  });
  CHECK(tapes(dir.path()).size() == 1);
  check_whole(dir, 1, 5000);
}

TEST_CASE("a raw clone, which runs no handlers of fork: a tape of its own that names its parent") {
  const scratch dir;
  RUN_CLEAN({.module = null_module(), .dir = dir.path()}, [] {
    const auto* const list = begin();
    call_numbered(list, 1, 1, 100);
    const auto child = static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    if (child == 0) {
      call_numbered(list, 2, 1, 3000);
      _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    call_numbered(list, 1, 101, 3000);
  });
  if (!kernel_wipes()) SKIP("both live, but nothing tells the child that it is one: it writes to its parent's tape");
  check_whole(dir, 1, 3000);
  check_whole(dir, 2, 3000);
  std::size_t named = 0;
  for (const auto& path : tapes(dir.path())) named += property(path, "forked_from").empty() ? 0 : 1;
  CHECK(named == 1);
}

TEST_CASE("daemonise with closefrom: two forks, a new session, every descriptor closed and its number used again") {
  const scratch dir;
  const auto other = dir / "precious";
  RUN_CLEAN({.module = null_module(), .dir = dir.path()}, [&] {
    const auto* const list = begin();
    call_numbered(list, 1, 1, 100);
    int done[2];
    EXPECT(pipe(done) == 0);
    if (fork() == 0) {
      setsid();
      if (fork() != 0) _exit(0);
      EXPECT(chdir("/") == 0);
      const int keep = dup2(done[1], 3);
      syscall(SYS_close_range, 4, ~0u, 0);
      // The numbers that were ours, high ones included, now mean a file of the host's.
      for (int fd = 4; fd < 400; ++fd)
        if (open(other.c_str(), O_RDWR | O_CREAT, 0600) < 0) break;
      call_numbered(list, 2, 1, 5000);
      EXPECT(write(keep, "x", 1) == 1);
      _exit(0);
    }
    char c = 0;
    close(done[1]);
    EXPECT(read(done[0], &c, 1) == 1);
    EXPECT_EQ(std::filesystem::file_size(other), std::uintmax_t{0});
    // The parent does the same to itself, in the middle of its tape.
    syscall(SYS_close_range, 3, ~0u, 0);
    for (int fd = 3; fd < 400; ++fd)
      if (open(other.c_str(), O_RDWR) < 0) break;
    call_numbered(list, 1, 101, 30000);
    EXPECT_EQ(std::filesystem::file_size(other), std::uintmax_t{0});
  });
  check_whole(dir, 1, 30000);
  check_whole(dir, 2, 5000);
}

TEST_CASE("two copies of the shim in one process: two tapes, each with its own calls") {
  const scratch dir;
  const scratch libraries;
  copy_file(shim_path(), libraries / "one.so");
  copy_file(shim_path(), libraries / "two.so");
  RUN_CLEAN({.module = null_module(), .dir = dir.path()}, [&] {
    const shim one(RTLD_NOW | RTLD_LOCAL, libraries / "one.so");
    const shim two(RTLD_NOW | RTLD_LOCAL, libraries / "two.so");
    const auto* const first = one.list();
    const auto* const second = two.list();
    std::thread other([&] { call_numbered(second, 2, 1, 2000); });
    call_numbered(first, 1, 1, 3000);
    other.join();
    call_numbered(second, 2, 2001, 2500);
  });
  const auto names = tapes(dir.path());
  REQUIRE(names.size() == 2);
  CHECK(names[0].string().find(".one.") != std::string::npos);
  CHECK(names[1].string().find(".two.") != std::string::npos);
  check_whole(dir, 1, 3000);
  check_whole(dir, 2, 2500);
}

TEST_CASE("dlclose and reload, C_Finalize and C_Initialize, 200 times: one tape, and memory does not grow") {
  const scratch dir;
  RUN_CLEAN({.module = null_module(), .dir = dir.path()}, [] {
    const auto memory = [] {
      std::uint64_t size = 0, resident = 0;
      std::ifstream("/proc/self/statm") >> size >> resident;
      return size;
    };
    std::uint64_t before = 0;
    for (unsigned n = 0; n < 200; ++n) {
      const shim s;
      const auto* const list = s.list();
      EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
      call_numbered(list, 1, n * 10 + 1, n * 10 + 10);
      EXPECT_EQ(list->C_Finalize(nullptr), CK_RV{CKR_OK});
      dlclose(s.handle);
      if (n == 10) before = memory();
    }
    if (!sanitized) EXPECT(memory() <= before + 64);
  });
  const auto t = read_only(dir.path());
  check_sound(t);
  CHECK(t.others.at("C_Initialize") == 200);
  CHECK(t.others.at("C_Finalize") == 200);
  CHECK(t.returned.at(1).size() == 2000);
}

TEST_CASE("setuid host: settings from a trusted file alone, and the tape belongs to the effective user, 0600") {
  if (geteuid() != 0) SKIP("needs root, to make a program setuid");
#ifdef P11TAPE_SANITIZED
  SKIP("an instrumented library does not load into a setuid program");
#endif
  const scratch files;
  const scratch dir;
  const scratch wrong;
  constexpr uid_t nobody = 65534;
  chmod(files.path().c_str(), 0755);
  chmod(wrong.path().c_str(), 01777);
  REQUIRE(chown(dir.path().c_str(), nobody, nobody) == 0);
  const auto host = files / "host";
  std::filesystem::copy_file(P11TAPE_CONTRACT_HOST, host);
  std::filesystem::copy_file(shim_path(), files / "p11tape.so");
  std::filesystem::copy_file(null_module(), files / "module.so");
  std::ofstream(files / "p11tape.yaml") << "module: " << (files / "module.so").string()
                                        << "\ndir: " << dir.path().string() << "\n";
  if (chown(host.c_str(), nobody, nobody) != 0 || chmod(host.c_str(), 04755) != 0)
    SKIP("cannot make a program setuid here");
  const auto result = run(setup{.module = "/nowhere/at/all.so", .dir = wrong.path()}, [&] {
    execl(host.c_str(), "host", (files / "p11tape.so").c_str(), nullptr);
    fail(__FILE__, __LINE__, "cannot start the setuid host");
  });
  INFO(result.describe());
  REQUIRE(WIFEXITED(result.status));
  if (WEXITSTATUS(result.status) == 9) SKIP("setuid programs do not work in this folder (nosuid)");
  CHECK(WEXITSTATUS(result.status) == 0);
  CHECK(tapes(wrong.path()).empty());
  const auto made = tapes(dir.path());
  REQUIRE(made.size() == 1);
  struct stat st {};
  REQUIRE(stat(made[0].c_str(), &st) == 0);
  CHECK(st.st_uid == nobody);
  CHECK((st.st_mode & 07777) == 0600);
  CHECK(property(made[0], "at_secure") == "1");
}
