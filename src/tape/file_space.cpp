// SPDX-License-Identifier: Apache-2.0
// The space behind a tape: on the disk before it is touched, in memory before a record is put there, and what becomes
// of the file while we look the other way.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "tape/file.hpp"
#include "tape/liveness.hpp"
#include "tape/raw_syscalls.hpp"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace p11tape::tape {
namespace {

// Pages that are brought into memory together: some microseconds of work, or less for a tape that may stay small.
constexpr u64 warm_step = 32 * 1024;
constexpr u64 large_warm_step = 256 * 1024;
constexpr u64 stays_small = 1024 * 1024;

// Past RLIMIT_FSIZE the kernel sends SIGXFSZ, which kills the host: look first.
bool allowed_size(u64 end) noexcept {
  rlimit r{};
  return getrlimit(RLIMIT_FSIZE, &r) != 0 || r.rlim_cur == RLIM_INFINITY || end <= r.rlim_cur;
}

}  // namespace

// The host may have closed our descriptor and been given its number for something else (closefrom in daemons).
bool file::is_tape(int descriptor) const noexcept {
  struct stat st {};
  return descriptor >= 0 && fstat(descriptor, &st) == 0 && st.st_dev == device_ && st.st_ino == inode_;
}

bool file::reopen() noexcept {
  int before = descriptor_.load();
  // Whatever the name leads to by now must not hold up the host: a lease, or a FIFO.
  const int fd = kernel::open(path_, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return hindered(obstacle::no_descriptor, errno);
  const int high = fcntl(fd, F_DUPFD_CLOEXEC, 256);
  kernel::close(fd);
  if (is_tape(high) && descriptor_.compare_exchange_strong(before, high)) {
    hold_lock(high);
    return true;
  }
  if (high >= 0) kernel::close(high);
  return still_ours() || hindered(obstacle::deleted, ENOENT);  // another thread has come first, or it is another file
}

// Remembers, for people, why the tape cannot go on. Always false.
bool file::hindered(obstacle by, int error) noexcept {
  auto none = obstacle::none;
  if (obstacle_.compare_exchange_strong(none, by)) error_number_ = error;
  return false;
}

bool file::reserve(u64 end) noexcept {
  for (int waits = 0; reserved_.load(std::memory_order_acquire) < end; ++waits) {
    if (growing_.exchange(1, std::memory_order_acquire) == 0) {
      const bool enough = reserved_.load(std::memory_order_acquire) >= end || grow(end);
      growing_.store(0, std::memory_order_release);
      if (!enough) return false;
    } else if (waits > 100000) {
      return false;  // whoever was growing the file is gone
    } else {
      sched_yield();
    }
  }
  return true;
}

// Space is allocated on the disk in large steps, and handed out in small ones.
bool file::grow(u64 end) noexcept {
  const u64 have = reserved_.load(std::memory_order_relaxed);
  if (allocated_ < end && !allocate(end)) return false;
  const u64 step = have < stays_small ? warm_step : large_warm_step;
  u64 next = (have / step + 1) * step;
  if (next < end) next = end;
  if (next > allocated_) next = allocated_;
  warm_up(have, next);
  reserved_.store(next, std::memory_order_release);
  return true;
}

// Zeros are written over zeros that no chunk has yet: the kernel brings many pages into memory with one call, which
// costs a third of a fault for each. It is no loss if it does not work.
void file::warm_up(u64 from, u64 to) noexcept {
  static constexpr u8 zeros[warm_step]{};
  if (by_write_ || !still_ours() || !allowed_size(to)) return;
  iovec pieces[large_warm_step / warm_step];
  while (from < to) {
    u64 size = 0;
    int count = 0;
    for (auto& piece : pieces) {
      const u64 more = to - from - size < warm_step ? to - from - size : warm_step;
      if (more == 0) break;
      piece = {const_cast<u8*>(zeros), static_cast<std::size_t>(more)};
      size += more;
      ++count;
    }
    if (kernel::pwritev(descriptor_, pieces, count, static_cast<off_t>(from)) != static_cast<ssize_t>(size)) return;
    from += size;
  }
}

bool file::allocate(u64 end) noexcept {
  const u64 have = allocated_;
  u64 more = have / 4;
  if (more < first_extent) more = first_extent;
  if (more > largest_extent_) more = largest_extent_;
  u64 want = (end > have + more ? end : have + more) / unit * unit;
  if (want < end) want = end;
  if (want > limit_) want = limit_;
  if (!allowed_size(want)) want = end;
  if (want < end) return false;
  if (!allowed_size(want)) return hindered(obstacle::file_limit, EFBIG);
  if (!still_ours() && !reopen()) return false;
  struct stat st {};
  if (fstat(descriptor_, &st) != 0 || st.st_nlink == 0)  // nobody could read what we write
    return hindered(obstacle::deleted, ENOENT);
  if (!by_write_) {
    int error = posix_fallocate(descriptor_, static_cast<off_t>(have), static_cast<off_t>(want - have));
    if (error != 0) {  // the disk is nearly full, or signals come faster than so much can be allocated
      want = end;
      for (int tries = 0; tries < 100 && error != 0 && (tries == 0 || error == EINTR); ++tries)
        error = posix_fallocate(descriptor_, static_cast<off_t>(have), static_cast<off_t>(want - have));
    }
    if (error != 0) {
      errno = error;
      return hindered(obstacle::refused, error);
    }
  }
  allocated_ = want;
  return true;
}

// The next bytes behind the last chunk, backed by disk; nullptr at the limit, or (not `reserved`) where space is
// lacking.
u8* file::take_space(chunk_kind kind, u32 size, bool& reserved) noexcept {
  reserved = true;
  u64 limit = limit_;
  if (kind == chunk_kind::ring) {  // the kept part's share stays free for a login that comes late
    const u64 used = kept_used_.load(std::memory_order_relaxed);
    if (used < kept_limit_) limit -= kept_limit_ - used;
  }
  u64 offset = next_.load(std::memory_order_relaxed);
  while (offset + size <= limit) {
    if (!reserve(offset + size)) {
      reserved = false;
      break;
    }
    if (next_.compare_exchange_weak(offset, offset + size, std::memory_order_relaxed)) return base_ + offset;
  }
  return nullptr;
}

// Brings a chunk's pages into memory, writable, all at once: cheaper than a fault for each, and not in the middle of a
// record. False where somebody has cut the file, or the disk fails: to touch such a page is a SIGBUS for the host.
bool file::populate(u8* at, u64 size) noexcept {
  if (by_write_ || reserve_all_ || madvise(at, size, MADV_POPULATE_WRITE) == 0 || errno != EFAULT) return true;
  lost_.store(true, std::memory_order_relaxed);
  return hindered(obstacle::cut, EFAULT);
}

bool file::write_at(const void* bytes, u64 size, u64 offset) noexcept {
  const int e = errno;
  bool done = (still_ours() || reopen()) && (allowed_size(offset + size) || hindered(obstacle::file_limit, EFBIG));
  const auto* from = static_cast<const char*>(bytes);
  while (done && size > 0) {
    const ssize_t n = kernel::pwrite(descriptor_, from, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    done = n > 0;
    if (!done) break;
    from += n;
    offset += static_cast<u64>(n);
    size -= static_cast<u64>(n);
  }
  if (!done) hindered(obstacle::refused, errno);
  if (!done) std::atomic_ref<u64>(header()->stopped).store(le<u64>(static_cast<u64>(stop_reason::no_space)));
  errno = e;
  return done;
}

}  // namespace p11tape::tape
