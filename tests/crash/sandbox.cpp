// SPDX-License-Identifier: Apache-2.0
// Programs that give up rights after their start: descriptors, directories, users, system calls, memory.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "numbered.hpp"

using namespace p11tape;
using namespace p11tape::contract;
using namespace p11tape::crash;

namespace {

namespace fs = std::filesystem;

const CK_FUNCTION_LIST* start() {
  static const shim s;
  const auto* const list = s.list();
  EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
  call_numbered(list, 1, 1, 64);  // its memory comes again from the same place
  return list;
}

// From now on every system call but those of ending, and those of `also`, is answered by `verdict`. All threads.
void forbid_system_calls(unsigned verdict, std::vector<int> also) {
  also.push_back(SYS_exit);
  also.push_back(SYS_exit_group);
  std::vector<sock_filter> rules;
  rules.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (std::size_t i = 0; i < also.size(); ++i) {
    const auto to_the_end = static_cast<unsigned char>(also.size() - i);
    rules.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(also[i]), to_the_end, 0));
  }
  rules.push_back(BPF_STMT(BPF_RET | BPF_K, verdict));
  rules.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(rules.size()), rules.data()};
  EXPECT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  EXPECT_EQ(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program), 0L);
}

// Since Linux 3.17; an operation that does not exist is refused otherwise.
bool has_seccomp_call() { return syscall(SYS_seccomp, 99, 0, nullptr) == 0 || errno != ENOSYS; }

}  // namespace

TEST_CASE("reserve: all makes no system call after the start: a filter kills the process at the first one") {
#ifdef P11TAPE_SANITIZED
  SKIP("the sanitizers make system calls of their own");
#endif
  if (!has_seccomp_call()) SKIP("this kernel cannot filter the system calls of all threads");
  constexpr std::uint64_t many = 150000;  // some 6 MB
  const scratch dir;
  const auto result = run(
      {.module = null_module(), .dir = dir.path(), .env = {{"P11TAPE_RESERVE", "all"}, {"P11TAPE_LIMIT", "4M"}}}, [] {
        const auto* const list = start();
        // A thread whose first call comes later.
        static std::atomic<int> stage{-1};
        std::thread([list] {
          CK_SESSION_INFO info;
          stage = 0;  // its start has made its system calls
          while (stage.load() == 0) {
          }
          for (std::uint64_t n = 1; n <= 1000; ++n) list->C_GetSessionInfo(std::uint64_t{2} << 40 | n, &info);
          stage = 2;
          for (;;) {
          }
        }).detach();
        while (stage.load() < 0) usleep(1000);
        forbid_system_calls(SECCOMP_RET_KILL_PROCESS, {});
        call_numbered(list, 1, 65, many);
        stage = 1;
        while (stage.load() != 2) {
        }
        _exit(0);
      });
  INFO(result.describe());
  CHECK(result.clean());
  const auto t = read_only(dir.path());
  check_sound(t);
  CHECK(t.lost() == 0);
  CHECK(*t.returned.at(1).rbegin() == many);
  CHECK(*t.returned.at(2).rbegin() == 1000);
  CHECK(t.header.counters[static_cast<int>(tape::counter::overwritten_chunks)] > 0);
  CHECK(file_size(tapes(dir.path())[0]) <= 4 << 20);
}

TEST_CASE("system calls that a filter refuses end the recording, with the reason, and nothing else") {
#ifdef P11TAPE_SANITIZED
  SKIP("the sanitizers make system calls of their own");
#endif
  if (!has_seccomp_call()) SKIP("this kernel cannot filter the system calls of all threads");
  const scratch dir;
  const auto result = run({.module = null_module(), .dir = dir.path()}, [] {
    const auto* const list = start();
    forbid_system_calls(SECCOMP_RET_ERRNO | EPERM, {SYS_rt_sigprocmask, SYS_write, SYS_fstat, SYS_newfstatat, SYS_brk,
                                                    SYS_mmap, SYS_munmap, SYS_prlimit64, SYS_fcntl});
    call_numbered(list, 1, 65, 60000);
    _exit(0);
  });
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(messages(result.err) == 1);
  CHECK(result.err.find("Operation not permitted") != std::string::npos);
  const auto t = read_only(dir.path());
  check_sound(t);
  CHECK(t.begun.at(1) == t.returned.at(1));
  CHECK(t.lost() > 0);
}

TEST_CASE("all descriptors closed and another root: recorded as far as it goes, and the reason is the true one") {
  if (geteuid() != 0) SKIP("chroot needs root");
  const scratch dir;
  const auto result = run({.module = null_module(), .dir = dir.path()}, [] {
    const auto* const list = start();
    for (int fd = 3; fd < 1024; ++fd) close(fd);
    EXPECT_EQ(mkdir("/tmp/p11tape-empty", 0700) == 0 || errno == EEXIST, true);
    EXPECT_EQ(chroot("/tmp/p11tape-empty"), 0);
    call_numbered(list, 1, 65, 60000);
  });
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(messages(result.err) == 1);
  CHECK(result.err.find("closed the file descriptor") != std::string::npos);
  const auto t = read_only(dir.path());
  check_sound(t);
  CHECK(t.returned.at(1).size() > 64);
}

TEST_CASE("another user after the start goes on recording") {
  if (geteuid() != 0) SKIP("needs root");
  const scratch dir;
  const auto result = run({.module = null_module(), .dir = dir.path()}, [] {
    const auto* const list = start();
    EXPECT_EQ(setresgid(65534, 65534, 65534), 0);
    EXPECT_EQ(setresuid(65534, 65534, 65534), 0);
    call_numbered(list, 1, 65, 20000);
  });
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(read_only(dir.path()).returned.at(1).size() == 20000);
}

TEST_CASE("locked memory: at most a sixteenth of what mlockall(MCL_FUTURE) leaves") {
#ifdef P11TAPE_SANITIZED
  SKIP("the sanitizers need more memory than that");
#endif
  if (geteuid() != 0) SKIP("the limit is set by root, and holds for others");
  const scratch dir;
  fs::permissions(dir.path(), fs::perms::all | fs::perms::sticky_bit);
  static std::uint64_t left = 0;
  const auto result = run({.module = null_module(), .dir = dir.path()}, [] {
    rlimit limit{};
    EXPECT_EQ(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
    limit.rlim_cur = limit.rlim_max = std::min<rlim_t>(limit.rlim_max, 64 << 20);
    EXPECT_EQ(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
    EXPECT_EQ(setresgid(65534, 65534, 65534), 0);
    EXPECT_EQ(setresuid(65534, 65534, 65534), 0);
    EXPECT_EQ(mlockall(MCL_FUTURE), 0);
    const auto* const list = start();
    for (; mmap(nullptr, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED; ++left) {
    }
    EXPECT(left > 0);
    call_numbered(list, 1, 65, 1000);
  });
  INFO(result.describe());
  CHECK(result.clean());
  const auto t = read_only(dir.path());
  check_sound(t);
  CHECK(t.header.limit <= 4 << 20);
  CHECK(t.returned.at(1).size() > 10);
}

TEST_CASE("the header says whose tape it is, and a lock that its process lives") {
  const scratch dir;
  RUN_CLEAN({.module = null_module(), .dir = dir.path()}, [] {
    start();
    const int fd = open(tapes(getenv("P11TAPE_DIR")).at(0).c_str(), O_RDONLY | O_CLOEXEC);
    struct flock seen {};
    seen.l_type = F_WRLCK;
    if (fcntl(fd, F_OFD_GETLK, &seen) != 0 && errno == EINVAL) return;  // before Linux 3.15, there is no such lock
    EXPECT_EQ(int{seen.l_type}, F_WRLCK);
  });
  const auto t = read_only(dir.path());
  struct stat st {};
  REQUIRE(stat("/proc/self/ns/pid", &st) == 0);
  CHECK(t.header.pid_namespace == st.st_ino);
  CHECK(t.header.process_start > 0);
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  CHECK(std::stoul(boot.substr(0, 2), nullptr, 16) == t.header.boot[0]);
  const int fd = open(tapes(dir.path()).at(0).c_str(), O_RDONLY | O_CLOEXEC);
  struct flock seen {};
  seen.l_type = F_WRLCK;
  const bool has_locks = fcntl(fd, F_OFD_GETLK, &seen) == 0;
  CHECK((has_locks || errno == EINVAL));
  CHECK((!has_locks || seen.l_type == F_UNLCK));
  close(fd);
}
