// SPDX-License-Identifier: Apache-2.0
#include "tape/file.hpp"
#include "tape/raw_syscalls.hpp"
#include "tape/tsan_handover.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace p11tape::tape {
namespace {

constexpr u64 xfs_magic = 0x58465342;
constexpr u32 ring_least = 8;  // chunks: a smaller ring is not worth going round

u64 clock_ns(clockid_t id) noexcept {
  timespec t{};
  clock_gettime(id, &t);
  return static_cast<u64>(t.tv_sec) * 1000000000u + static_cast<u64>(t.tv_nsec);
}

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

// Thread ids are used again, and numbers are not: together they name a thread, and its id can be asked about.
constexpr u64 holder_of(u64 thread, u64 thread_number) noexcept {
  return thread_number << 32 | static_cast<u32>(thread);
}
constexpr u64 being_taken = ~u64{0};
constexpr u64 held_back = u64{1} << 63;  // the thread writes to its next chunk already

bool is_dead(u32 thread) noexcept {
  const int e = errno;
  const bool dead = syscall(SYS_tgkill, getpid(), static_cast<pid_t>(thread), 0) != 0 && errno == ESRCH;
  errno = e;
  return dead;
}

}  // namespace

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

create_error file::create(const creation& how) noexcept {
  // In a child of fork these are the parent's: its mapping is not inherited, its descriptor is.
  if (descriptor_ >= 0 && still_ours()) kernel::close(descriptor_);
  base_ = nullptr;
  descriptor_ = -1;
  path_[0] = 0;
  next_ = reserved_ = allocated_ = kept_used_ = sequence_ = 0;
  growing_ = ring_count_ = ring_next_ = 0;
  lost_ = false;

  if (mkdir(how.folder, 0700) != 0 && errno != EEXIST) {
    error_number_ = errno;
    return errno == ENOENT ? create_error::folder_missing : create_error::folder_denied;
  }
  const int folder = kernel::open(how.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (how.own_folder ? O_NOFOLLOW : 0));
  if (folder < 0) {
    error_number_ = errno;
    return how.own_folder && (errno == ELOOP || errno == ENOTDIR) ? create_error::folder_unsafe
                                                                  : create_error::folder_denied;
  }
  struct stat st {};
  fstat(folder, &st);
  const bool anyone_may_write = (st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0;
  const bool not_mine = how.own_folder && (st.st_uid != geteuid() || (st.st_mode & 077) != 0);
  const auto result = anyone_may_write || not_mine ? create_error::folder_unsafe : open_in(how, folder);
  if (result == create_error::none && how.keep != 0) remove_old_tapes(folder, how.keep);
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
  fchmod(fd, 0600);
  struct stat st {};
  fstat(fd, &st);
  device_ = st.st_dev;
  inode_ = st.st_ino;
  largest_extent_ = extent_for(fd);
  by_write_ = largest_extent_ == 0;
  ring_ = how.ring;
  std::snprintf(path_, sizeof path_, "%s/%s", how.folder, name);

  const int kind = by_write_ ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;
  // Address space may be scarce (RLIMIT_AS): then the tape is smaller.
  for (limit_ = how.limit / unit * unit;; limit_ = limit_ / 2 / unit * unit) {
    void* at = limit_ < first_extent ? MAP_FAILED
                                     : mmap(nullptr, limit_, PROT_READ | PROT_WRITE, kind, by_write_ ? -1 : fd, 0);
    if (at != MAP_FAILED) {
      base_ = static_cast<u8*>(at);
      break;
    }
    if (limit_ < first_extent) break;
  }
  ring_capacity_ = limit_ / ring_chunk + 1;
  void* ring = mmap(nullptr, ring_capacity_ * sizeof(ring_entry), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base_ == nullptr || ring == MAP_FAILED || !lay_out(how)) {
    error_number_ = errno;
    const bool space = base_ != nullptr && ring != MAP_FAILED;
    if (base_ != nullptr) munmap(base_, limit_);
    base_ = nullptr;
    unlinkat(folder, name, 0);
    kernel::close(descriptor_);
    descriptor_ = -1;
    path_[0] = 0;
    return space ? create_error::no_space : create_error::no_memory;
  }
  ring_chunks_ = static_cast<ring_entry*>(ring);
  return create_error::none;
}

bool file::lay_out(const creation& how) noexcept {
  const u64 properties = sizeof(file_header);
  const u64 schema = properties + padded(how.properties.size());
  const u64 data = (schema + how.schema.size() + unit - 1) / unit * unit;
  if (data + ring_chunk > limit_ || !reserve(data)) return false;
  // A child of fork must not write to this tape by accident: it does not get the mapping.
  if (!kept_in_children_) madvise(base_, limit_, MADV_DONTFORK);
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
  h.monotonic = le<u64>(clock_ns(CLOCK_MONOTONIC));
  h.wall = le<u64>(clock_ns(CLOCK_REALTIME));
  h.properties_offset = le<u64>(properties);
  h.properties_size = le<u64>(how.properties.size());
  h.schema_offset = le<u64>(schema);
  h.schema_size = le<u64>(how.schema.size());
  h.data_offset = le<u64>(data);
  h.limit = le<u64>(limit_);
  h.kept_limit = le<u64>(kept_limit_);
  std::atomic_signal_fence(std::memory_order_release);
  std::memcpy(h.magic, file_magic, sizeof file_magic);
  if (by_write_) write_at(base_, data, 0);
  return true;
}

bool file::take_chunk(lane& where, chunk_kind kind, u32 least, u64 thread, u64 thread_number) noexcept {
  if (!is_open()) return false;
  // A call that was in flight when recording was switched off is still recorded to its end.
  const auto stopped = le(std::atomic_ref<u64>(header()->stopped).load(std::memory_order_relaxed));
  if (stopped != 0 && stopped != static_cast<u64>(stop_reason::switched_off)) return false;
  // A thread's first kept chunk is small, since most threads need no more; who needs a second one is given more at
  // once.
  u32 size = ring_chunk;
  if (kind == chunk_kind::kept) {
    size = (least + static_cast<u32>(sizeof(chunk_header)) + unit - 1) / unit * unit;
    if (where.chunk != nullptr && size < ring_chunk) size = ring_chunk;
  }
  bool reserved = true;
  u8* at = take_space(kind, size, reserved);
  if (at != nullptr) {
    if (!populate(at, size)) return false;
    if (kind == chunk_kind::kept) {
      kept_used_.fetch_add(size, std::memory_order_relaxed);
    } else {
      const u32 index = ring_count_.fetch_add(1, std::memory_order_acq_rel);
      move_on(where, index, holder_of(thread, thread_number));
      const u64 offset = static_cast<u64>(at - base_);
      std::atomic_ref<u32>(ring_chunks_[index].place).store(static_cast<u32>(offset / unit), std::memory_order_release);
    }
  } else if (u32 index = 0; kind == chunk_kind::ring && ring_ && (at = recycle(index)) != nullptr) {
    move_on(where, index, holder_of(thread, thread_number));
    if (!populate(at, size)) return false;
    count(counter::overwritten_chunks);
  } else {
    if (kind == chunk_kind::ring && (!ring_ || ring_count_.load() < ring_least)) {
      stop(reserved ? stop_reason::full : stop_reason::no_space, clock_ns(CLOCK_MONOTONIC));
    }
    return false;
  }
  start_chunk(at, kind, size, thread, thread_number);
  where.chunk = at;
  where.size = size;
  where.used = sizeof(chunk_header);
  return true;
}

// A ring chunk for a thread, which holds the one that it leaves back, and gives the one before that free.
void file::move_on(lane& where, u32 index, u64 holder) noexcept {
  if (where.before != lane::none) {
    u64 mine = holder | held_back;
    ring_chunks_[where.before].holder.compare_exchange_strong(mine, 0, std::memory_order_acq_rel);
  }
  where.before = where.chunk != nullptr ? where.ring_index : lane::none;
  if (where.before != lane::none)
    ring_chunks_[where.before].holder.store(holder | held_back, std::memory_order_release);
  where.ring_index = index;
  ring_chunks_[index].holder.store(holder, std::memory_order_release);
}

// Goes round the ring and takes the first chunk that is free. An idle thread keeps the chunk that it is in, and so its
// open ENTER; everybody else goes round it. Where all are in hands, one that is only held back is taken.
u8* file::recycle(u32& index) noexcept {
  const u32 count = ring_count_.load(std::memory_order_acquire);
  if (count < ring_least) return nullptr;
  for (u32 tried = 0; tried < 2 * count; ++tried) {
    index = ring_next_.fetch_add(1, std::memory_order_relaxed) % count;
    auto& entry = ring_chunks_[index];
    const u32 place = std::atomic_ref<u32>(entry.place).load(std::memory_order_acquire);
    if (place == 0) continue;
    u64 holder = entry.holder.load(std::memory_order_acquire);
    const bool may_be_taken = holder == 0 || ((holder & held_back) != 0 && tried >= count) ||
                              (holder != being_taken && is_dead(static_cast<u32>(holder)));
    if (holder == being_taken || !may_be_taken) continue;
    if (entry.holder.compare_exchange_strong(holder, being_taken, std::memory_order_acq_rel)) {
      u8* const at = base_ + u64{place} * unit;
      taken_over(at);
      return at;
    }
  }
  return nullptr;
}

void file::start_chunk(u8* at, chunk_kind kind, u32 size, u64 thread, u64 thread_number) noexcept {
  auto& h = *reinterpret_cast<chunk_header*>(at);
  std::atomic_ref<u64>(h.committed).store(0, std::memory_order_release);
  std::atomic_ref<u64>(h.sequence)
      .store(le<u64>(sequence_.fetch_add(1, std::memory_order_relaxed) + 1), std::memory_order_release);
  h.kind = le<u16>(static_cast<u16>(kind));
  h.header_size = le<u16>(sizeof h);
  h.size = le<u32>(size);
  h.handed_on = 0;
  h.thread = le<u64>(thread);
  h.thread_number = le<u64>(thread_number);
  h.monotonic = le<u64>(clock_ns(CLOCK_MONOTONIC));
  h.wall = le<u64>(clock_ns(CLOCK_REALTIME));
  std::atomic_ref<u32>(h.magic).store(le<u32>(chunk_magic), std::memory_order_release);
  std::atomic_ref<u64>(h.committed).store(le<u64>(sizeof h), std::memory_order_release);
  if (by_write_) write_at(at, sizeof h, static_cast<u64>(at - base_));
}

void file::hand_on(lane& where, chunk_kind kind, u64 from, u64 from_number, u64 thread, u64 thread_number,
                   u64 time) noexcept {
  constexpr u32 size = sizeof(record_header) + 16;
  if (where.chunk == nullptr) return;
  const bool room = where.size - where.used >= size;
  // A ring chunk of a thread that has ended may have been overwritten since: then it is somebody else's.
  u64 holder = holder_of(from, from_number);
  const bool ours =
      kind == chunk_kind::kept || ring_chunks_[where.ring_index].holder.compare_exchange_strong(
                                      holder, room ? holder_of(thread, thread_number) : 0, std::memory_order_acq_rel);
  where.before = lane::none;  // whoever comes round to it finds that its thread has ended
  if (!ours || !room) {
    where = {};  // the next record takes a new chunk
    return;
  }
  auto* record = where.chunk + where.used;
  record_header h{};
  h.size = le<u32>(size);
  h.kind = static_cast<u8>(record_kind::thread);
  h.time = le<u64>(time);
  const u64 body[2] = {le<u64>(thread), le<u64>(thread_number)};
  std::memcpy(record, &h, sizeof h);
  std::memcpy(record + sizeof h, body, sizeof body);
  auto& chunk = *reinterpret_cast<chunk_header*>(where.chunk);
  std::atomic_ref<u32>(chunk.handed_on).store(le<u32>(le<u32>(chunk.handed_on) + 1), std::memory_order_release);
  if (by_write_) write_at(&chunk.handed_on, 4, static_cast<u64>(where.chunk - base_) + 12);
  publish(where, size);
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

u8* file::take_slot() noexcept {
  if (!is_open()) return nullptr;
  for (;;) {
    u64 next = next_slot_.load(std::memory_order_acquire);
    while (next % unit != 0)
      if (next_slot_.compare_exchange_weak(next, next + sizeof(in_flight_slot), std::memory_order_acq_rel))
        return base_ + next;
    // Two threads may both come here and take a chunk each: then one's slots are lost, and nothing else.
    bool reserved = true;
    u8* at = take_space(chunk_kind::in_flight, unit, reserved);
    if (at == nullptr || !populate(at, unit)) return nullptr;
    start_chunk(at, chunk_kind::in_flight, unit, 0, 0);
    next_slot_.store(static_cast<u64>(at - base_) + first_slot, std::memory_order_release);
  }
}

void file::fill_slot(u8* slot, u64 thread, u64 thread_number, const u8* record_head, const u8* body,
                     u64 body_size) noexcept {
  auto& s = *reinterpret_cast<in_flight_slot*>(slot);
  s.thread = le(thread);
  s.thread_number = le(thread_number);
  std::memcpy(s.record, record_head, sizeof(record_header));
  std::memcpy(s.record + sizeof(record_header), body, body_size);
  const u64 size = sizeof(record_header) + body_size;
  std::atomic_ref<u64>(s.committed).store(le(size), std::memory_order_release);
  if (by_write_) write_at(slot, offsetof(in_flight_slot, record) + size, static_cast<u64>(slot - base_));
}

void file::clear_slot(u8* slot) noexcept {
  std::atomic_ref<u64>(reinterpret_cast<in_flight_slot*>(slot)->committed).store(0, std::memory_order_release);
  if (by_write_) write_at(slot, 8, static_cast<u64>(slot - base_));
}

void file::write_through(const lane& where, u32 size) noexcept {
  const u64 chunk = static_cast<u64>(where.chunk - base_);
  if (write_at(where.chunk + where.used - size, size, chunk + where.used - size))
    write_at(where.chunk + offsetof(chunk_header, committed), 8, chunk + offsetof(chunk_header, committed));
}

}  // namespace p11tape::tape
