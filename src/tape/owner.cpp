// SPDX-License-Identifier: Apache-2.0
#include "tape/owner.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "tape/liveness.hpp"
#include "tape/raw_syscalls.hpp"

namespace p11tape::tape {
namespace {

// A lock proves that somebody has the tape open. That there is none proves nothing: daemons close descriptors.
bool is_locked(int descriptor) noexcept {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool is_known(const u8 (&id)[16]) noexcept {
  for (const u8 b : id)
    if (b != 0) return true;
  return false;
}

bool same_id(const u8 (&a)[16], const u8 (&b)[16]) noexcept { return std::memcmp(a, b, sizeof a) == 0; }

// False if /proc shows the processes of another PID namespace.
bool proc_is_ours() noexcept {
  char own[24], shown[24];
  std::snprintf(own, sizeof own, "%d", getpid());
  const ssize_t n = readlink("/proc/self", shown, sizeof shown - 1);
  if (n <= 0) return false;
  shown[n] = 0;
  return std::strcmp(own, shown) == 0;
}

// For a process of this boot and this PID namespace.
owner_state look_for(const file_header& theirs, const file_header& ours) noexcept {
  const auto pid = static_cast<pid_t>(le(theirs.pid));
  if (pid <= 0 || static_cast<u64>(pid) != le(theirs.pid)) return owner_state::unknown;
  if (kill(pid, 0) != 0 && errno == ESRCH) return owner_state::ended;
  // Some process has that number. Start times can be compared only within one time namespace.
  const u64 start = le(theirs.process_start);
  if (start == 0 || theirs.time_namespace != ours.time_namespace || !proc_is_ours()) return owner_state::running;
  const u64 now = start_of_process(pid);
  return now != 0 && now != start ? owner_state::ended : owner_state::running;
}

}  // namespace

owner_state state_of_owner(int descriptor, const file_header& theirs, const file_header& ours, bool local) noexcept {
  if (is_locked(descriptor)) return owner_state::running;
  if (!is_known(theirs.boot) || !is_known(ours.boot)) return owner_state::unknown;
  if (same_id(theirs.boot, ours.boot)) {
    const bool comparable = theirs.pid_namespace != 0 && theirs.pid_namespace == ours.pid_namespace;
    return comparable ? look_for(theirs, ours) : owner_state::unknown;
  }
  const bool same_host = local && is_known(theirs.machine) && same_id(theirs.machine, ours.machine);
  return same_host ? owner_state::ended : owner_state::unknown;
}

bool holds_failure(int descriptor, const file_header& header) noexcept {
  if (header.counters[static_cast<u8>(counter::unusual_results)] != 0) return true;
  constexpr int most_chunks = 4;
  alignas(8) u8 chunk[unit];
  u64 offset = le(header.slots);
  for (int i = 0; i < most_chunks && offset != 0; ++i) {
    if (pread(descriptor, chunk, sizeof chunk, static_cast<off_t>(offset)) != static_cast<ssize_t>(sizeof chunk)) break;
    const auto& h = *reinterpret_cast<const chunk_header*>(chunk);
    if (le(h.magic) != chunk_magic || le(h.kind) != static_cast<u16>(chunk_kind::slots)) break;
    for (u32 at = first_slot; at + sizeof(call_slot) <= sizeof chunk; at += sizeof(call_slot)) {
      const auto& slot = *reinterpret_cast<const call_slot*>(chunk + at);
      if (slot.committed != 0 || slot.open != 0) return true;
    }
    offset = le(h.next);
  }
  return false;
}

}  // namespace p11tape::tape
