// SPDX-License-Identifier: Apache-2.0
#include "tape/file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tape/address_space.hpp"
#include "tape/cpu_counter.hpp"
#include "tape/kernel_clock.hpp"
#include "tape/liveness.hpp"
#include "tape/open_directory.hpp"
#include "tape/raw_syscalls.hpp"

namespace p11tape::tape {
namespace {

constexpr u64 xfs_magic = 0x58465342;

// Of the file systems that keep a mapping honest, how much to allocate at once: tmpfs takes a millisecond for a MiB,
// while a disk's journal is best asked seldom. 0 for all others.
u64 extent_for(int descriptor) noexcept {
  struct statfs fs {};
  if (fstatfs(descriptor, &fs) != 0) return 0;
  switch (static_cast<u64>(fs.f_type)) {
    case EXT4_SUPER_MAGIC:  // ext2, ext3 and ext4 share it
    case xfs_magic:
    case OVERLAYFS_SUPER_MAGIC:
      return 4 << 20;
    case TMPFS_MAGIC:
      return 1 << 20;
    default:
      return 0;
  }
}

}  // namespace

create_error file::create(const creation& how) noexcept {
  // In a child of fork these are the parent's: its mapping is not inherited, its descriptor is.
  forget();
  path_[0] = 0;
  next_ = reserved_ = allocated_ = kept_used_ = sequence_ = 0;
  next_slot_ = last_slots_ = last_pairs_ = pair_chunks_ = 0;
  growing_ = ring_count_ = ring_next_ = pairs_ = 0;
  lost_ = false;
  obstacle_ = obstacle::none;
  reserve_all_ = false;

  const auto opened = open_directory({how.folder, true, !how.own_folder});
  error_number_ = opened.error;
  int folder = -1;
  if (opened.descriptor >= 0) {
    folder = kernel::openat(opened.descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) error_number_ = errno;
    kernel::close(opened.descriptor);
  }
  if (folder < 0) {
    link_owner_ = opened.link_owner;
    if (opened.foreign_link) return create_error::folder_by_link;
    if (error_number_ == ENOENT) return create_error::folder_missing;
    return how.own_folder && (error_number_ == ELOOP || error_number_ == ENOTDIR) ? create_error::folder_unsafe
                                                                                  : create_error::folder_denied;
  }
  struct stat st {};
  fstat(folder, &st);
  const bool anyone_may_write = (st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0;
  const bool not_mine = how.own_folder && (st.st_uid != geteuid() || (st.st_mode & 077) != 0);
  const auto result = anyone_may_write || not_mine ? create_error::folder_unsafe : open_in(how, folder);
  if (result == create_error::none) remove_old_tapes(folder, std::strrchr(path_, '/') + 1, how.keep, *header());
  kernel::close(folder);
  return result;
}

create_error file::open_in(const creation& how, int folder) noexcept {
  char name[256];
  int fd = -1;
  for (int attempt = 0; attempt < 100 && fd < 0; ++attempt) {
    if (attempt == 0) {
      std::snprintf(name, sizeof name, "%.230s.p11tape", how.name);
    } else {
      std::snprintf(name, sizeof name, "%.230s.%d.p11tape", how.name, attempt);
    }
    fd = kernel::openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST) break;
  }
  if (fd < 0) {
    error_number_ = errno;
    return errno == ENOSPC ? create_error::no_space : create_error::file_denied;
  }
  // Out of the way of programs that count on getting low descriptor numbers.
  if (const int high = fcntl(fd, F_DUPFD_CLOEXEC, 256); high >= 0) {
    kernel::close(fd);
    fd = high;
  }
  descriptor_ = fd;
  hold_lock(fd);
  fchmod(fd, 0600);
  struct stat st {};
  fstat(fd, &st);
  device_ = st.st_dev;
  inode_ = st.st_ino;
  largest_extent_ = extent_for(fd);
  by_write_ = largest_extent_ == 0;
  ring_ = how.ring;
  counts_ = how.counts;
  std::snprintf(path_, sizeof path_, "%s/%s", how.folder, name);

  const bool mapped = map(how.limit);
  if (mapped && lay_out(how)) return create_error::none;
  error_number_ = errno;
  if (mapped) munmap(base_, limit_);
  if (mapped) munmap(ring_chunks_, ring_capacity_ * sizeof(ring_entry));
  base_ = nullptr;
  unlinkat(folder, name, 0);
  kernel::close(descriptor_);
  descriptor_ = -1;
  path_[0] = 0;
  return mapped ? create_error::no_space : create_error::no_memory;
}

// The file, as large as it may become, and the table of the ring.
bool file::map(u64 wanted) noexcept {
  const int kind = by_write_ ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;
  base_ = nullptr;
  for (limit_ = affordable(wanted) / unit * unit; limit_ >= first_extent; limit_ = limit_ / 2 / unit * unit) {
    void* at = mmap(nullptr, limit_, PROT_READ | PROT_WRITE, kind, by_write_ ? -1 : descriptor_.load(), 0);
    if (at == MAP_FAILED) continue;
    ring_capacity_ = limit_ / ring_chunk + 1;
    void* ring = mmap(nullptr, ring_capacity_ * sizeof(ring_entry), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ring == MAP_FAILED) {
      munmap(at, limit_);
      break;
    }
    base_ = static_cast<u8*>(at);
    ring_chunks_ = static_cast<ring_entry*>(ring);
    return true;
  }
  errno = ENOMEM;
  return false;
}

bool file::lay_out(const creation& how) noexcept {
  const u64 properties = sizeof(file_header);
  const u64 schema = properties + padded(how.properties.size());
  const u64 data = (schema + how.schema.size() + unit - 1) / unit * unit;
  // A child of fork must not write to this tape by accident: it does not get the mapping.
  if (!kept_in_children_) madvise(base_, limit_, MADV_DONTFORK);
  if (data + ring_chunk > limit_ || !reserve(how.reserve_all ? limit_ : data)) return false;
  if (how.reserve_all && !populate(base_, limit_)) return false;
  std::memcpy(base_ + properties, how.properties.data(), how.properties.size());
  std::memcpy(base_ + schema, how.schema.data(), how.schema.size());
  kept_limit_ = limit_ / 8;
  next_ = data;

  auto& h = *header();
  h.major = le<u16>(format_major);
  h.minor = le<u16>(format_minor);
  h.header_size = le<u32>(sizeof h);
  h.features = le<u64>(how.features);
  h.word_size = le<u32>(sizeof(unsigned long));
  h.profile = le<u32>(static_cast<u32>(how.records));
  h.pid = le<u64>(static_cast<u64>(getpid()));
  h.parent_pid = le<u64>(static_cast<u64>(getppid()));
  h.wall = le<u64>(clock_ns(CLOCK_REALTIME));
  h.monotonic = le<u64>(clock_ns(CLOCK_MONOTONIC));
  h.properties_offset = le<u64>(properties);
  h.properties_size = le<u64>(how.properties.size());
  h.schema_offset = le<u64>(schema);
  h.schema_size = le<u64>(how.schema.size());
  h.data_offset = le<u64>(data);
  h.limit = le<u64>(limit_);
  h.kept_limit = le<u64>(kept_limit_);
  h.clock = le(static_cast<u32>(counts_ ? clock_source::cpu_counter : clock_source::kernel));
  if (counts_) {
    h.counter_kind = le(counter_kind);
    h.counter = le(how.beginning.counter);
    h.monotonic = le(how.beginning.monotonic);
  }
  describe_process(h);
  std::atomic_signal_fence(std::memory_order_release);
  std::memcpy(h.magic, file_magic, sizeof file_magic);
  if (by_write_) write_at(base_, data, 0);
  reserve_all_ = how.reserve_all;
  return true;
}

void file::bump(u64 offset) noexcept {
  if (!is_open()) return;
  std::atomic_ref<u64> cell(*reinterpret_cast<u64*>(base_ + offset));
  if constexpr (std::endian::native == std::endian::little) {
    cell.fetch_add(1, std::memory_order_relaxed);
  } else {
    u64 old = cell.load(std::memory_order_relaxed);
    while (!cell.compare_exchange_weak(old, le<u64>(le<u64>(old) + 1), std::memory_order_relaxed)) {
    }
  }
  if (by_write_) write_at(base_ + offset, sizeof(u64), offset);
}

void file::stop(stop_reason why, u64 time) noexcept {
  if (!is_open()) return;
  u64 running = 0;
  if (std::atomic_ref<u64>(header()->stopped)
          .compare_exchange_strong(running, le<u64>(static_cast<u64>(why)), std::memory_order_relaxed)) {
    header()->stopped_at = le<u64>(time);
    if (by_write_) write_at(&header()->stopped, 16, offsetof(file_header, stopped));
  }
}

bool file::has_broken_off() const noexcept {
  if (!is_open()) return lost();
  const auto why =
      static_cast<stop_reason>(le(std::atomic_ref<u64>(header()->stopped).load(std::memory_order_relaxed)));
  return why == stop_reason::no_space || why == stop_reason::cannot_grow;
}

void file::resume() noexcept {
  if (!is_open()) return;
  u64 off = le<u64>(static_cast<u64>(stop_reason::switched_off));
  if (std::atomic_ref<u64>(header()->stopped).compare_exchange_strong(off, 0, std::memory_order_relaxed) && by_write_)
    write_at(&header()->stopped, 8, offsetof(file_header, stopped));
}

void file::forget() noexcept {
  if (descriptor_ >= 0 && still_ours()) kernel::close(descriptor_);
  base_ = nullptr;
  descriptor_ = -1;
}

}  // namespace p11tape::tape
