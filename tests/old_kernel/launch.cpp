// SPDX-License-Identifier: Apache-2.0
// launch PROGRAM ARGUMENT...: runs a program on a kernel that knows nothing newer than Linux 3.10 (RHEL 7), as far as a
// seccomp filter can pretend it: system calls that came later fail with ENOSYS, and later commands and flags of older
// ones as those kernels fail with them. What an old kernel overlooks instead of refusing is not refused here either.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/falloc.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

constexpr unsigned last_of_3_10 = SYS_finit_module;  // 313; what came later has a higher number on x86-64

// A row: a system call, its argument that says what is asked for, the range of what 3.10 does not know, and its answer.
struct newer {
  unsigned call;
  unsigned argument;
  unsigned first, last;
  unsigned error;
};
constexpr newer newer_than_3_10[] = {
    {SYS_madvise, 2, 8, 8, EINVAL},                  // MADV_FREE
    {SYS_madvise, 2, 18, 99, EINVAL},                // MADV_WIPEONFORK, MADV_COLD, MADV_POPULATE_WRITE ...
    {SYS_fcntl, 1, 36, 38, EINVAL},                  // locks of open file descriptions
    {SYS_fcntl, 1, 1033, 1050, EINVAL},              // seals, hints
    {SYS_fallocate, 1, 8, 0xff, EOPNOTSUPP},         // collapse, zero, insert, unshare
    {SYS_prctl, 0, 0x53564d41, 0x53564d41, EINVAL},  // names for anonymous memory
    {SYS_prctl, 0, 41, 100, EINVAL},
};

constexpr unsigned low_word_of(unsigned argument) {
  return static_cast<unsigned>(offsetof(seccomp_data, args) + argument * sizeof(__u64));
}

std::vector<sock_filter> filter() {
  const auto load = [](std::size_t at) {
    return sock_filter(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<__u32>(at)));
  };
  const auto answer = [](__u32 what) { return sock_filter(BPF_STMT(BPF_RET | BPF_K, what)); };
  const auto fail = [&](unsigned error) { return answer(SECCOMP_RET_ERRNO | error); };
  std::vector<sock_filter> f{load(offsetof(seccomp_data, arch)),
                             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
                             answer(SECCOMP_RET_ALLOW),
                             load(offsetof(seccomp_data, nr)),
                             BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last_of_3_10, 0, 1),
                             fail(ENOSYS)};
  for (const auto& n : newer_than_3_10) {
    f.push_back(load(offsetof(seccomp_data, nr)));
    f.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, n.call, 0, 4));
    f.push_back(load(low_word_of(n.argument)));
    f.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, n.first, 0, 2));
    f.push_back(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, n.last, 1, 0));
    f.push_back(fail(n.error));
  }
  f.push_back(answer(SECCOMP_RET_ALLOW));
  return f;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "usage: launch PROGRAM ARGUMENT...\n");
    return 64;
  }
  auto rules = filter();
  const sock_fprog program{static_cast<unsigned short>(rules.size()), rules.data()};
  // Whoever may administer the system needs no promise for it that programs get no new rights, which setuid tests need.
  const auto install = [&] { return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0; };
  if (!install() && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !install())) {
    std::fprintf(stderr, "launch: the filter cannot be installed: %s\n", std::strerror(errno));
    return 78;
  }
  // The filter is in force where both of these fail.
  char byte = 0;
  if (syscall(SYS_getrandom, &byte, 1, 0) != -1 || madvise(nullptr, 0, 18) != -1) {
    std::fprintf(stderr, "launch: the filter lets newer system calls through\n");
    return 2;
  }
  execv(arguments[1], arguments + 1);
  std::fprintf(stderr, "launch: %s: %s\n", arguments[1], std::strerror(errno));
  return 2;
}
