// SPDX-License-Identifier: Apache-2.0
// A mount namespace of a host's own, so that a test can put folders of its own over the machine's.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace p11tape::contract {

/// False where this machine does not let us: neither root nor user namespaces.
inline bool private_mounts() {
  const auto user = geteuid();
  const auto group = getegid();
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
    std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
  }
  return mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

/// Hides the real default folder of tapes, where the machine lets us; tests that fall back to it leave nothing there.
inline bool private_var_tmp() { return private_mounts() && mount("none", "/var/tmp", "tmpfs", 0, "mode=1777") == 0; }

}  // namespace p11tape::contract
