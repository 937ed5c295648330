// SPDX-License-Identifier: Apache-2.0
// Whether files can be given to another user: only root can, and not in a user namespace that has no other user.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <fstream>

namespace p11tape::test {

inline bool can_give_away(std::uint64_t user) {
  std::ifstream map("/proc/self/uid_map");
  for (std::uint64_t first = 0, outside = 0, count = 0; map >> first >> outside >> count;)
    if (user >= first && user - first < count) return geteuid() == 0;
  return false;
}

}  // namespace p11tape::test
