// SPDX-License-Identifier: Apache-2.0
// The file behind a tape, on the recording side: creating it, extending it, and handing out its chunks and slots.
//
// Everything here runs inside the host process: no exceptions, no allocation, no lock that is held across a call of the
// module, no signal (space is reserved before it is touched, and never past RLIMIT_FSIZE). The object lives in static
// storage and is never destroyed: calls may come after main and after static destructors.
//
// If the file system is known to keep a shared mapping honest (ext4, xfs, overlay, tmpfs), the file is mapped whole.
// Otherwise the same bytes are written with pwrite as they are published; then only the chunks that threads are writing
// to are in (private) memory.
//
// With `reserve_all` the whole file is allocated and brought into memory when it is created, and nothing here makes a
// system call afterwards.
#pragma once

#include <atomic>
#include <string_view>

#include "p11tape/layout.hpp"
#include "tape/remove_old_tapes.hpp"

namespace p11tape::tape {

/// Where a thread's next record goes.
struct lane {
  u8* chunk = nullptr;  ///< start of the chunk in memory; nullptr: none taken yet
  u32 used = 0;         ///< bytes of it that are published
  u32 size = 0;
  u32 taken = 0;       ///< how many chunks this lane has had: later ones are larger
  u32 ring_index = 0;  ///< of a ring chunk, its place in the ring
  u32 before = none;   ///< ... and that of the chunk before it, which is held back from being overwritten

  static constexpr u32 none = ~u32{0};

  u32 room() const noexcept { return size - used; }
};

/// How a tape is to be created. The strings need to live during create() only.
struct creation {
  const char* folder;           ///< existing or to be created (0700, one level)
  bool own_folder;              ///< the default directory: must be ours alone
  const char* name;             ///< file name without the suffix
  std::string_view properties;  ///< as FORMAT.md has them
  std::string_view schema;
  u64 limit;       ///< bytes
  retention keep;  ///< of older tapes in the directory
  bool ring;       ///< overwrite the oldest when full, or stop
  bool reserve_all;
  profile records;
  u64 features;
  bool counts;           ///< the times of records are the CPU's counter
  clock_pair beginning;  ///< a pair from some moments before; counter 0: none
};

enum class create_error : u8 {
  none,
  folder_missing,
  folder_unsafe,
  folder_by_link,  ///< the path has a link of another user, link_owner(), that this process must not follow
  folder_denied,
  file_denied,
  no_space,
  no_memory,
};

/// Why a tape could not go on, for people.
enum class obstacle : u8 {
  none,
  cut,            ///< somebody has cut the file, or the disk fails
  deleted,        ///< somebody has removed it
  file_limit,     ///< RLIMIT_FSIZE
  no_descriptor,  ///< the host closed our descriptor, and the file cannot be opened again: see error_number()
  refused,        ///< the kernel refused to allocate space or to write: see error_number()
};

class file {
 public:
  /// Creates the tape. On failure the object stays closed; `error_number()` has errno. May be called again in a child of
  /// fork, where it forgets the parent's file without touching it.
  create_error create(const creation& how) noexcept;

  /// Children of fork keep the mappings of tapes that are made from now on. For kernels that tell nobody in time that it
  /// is a child: what it does then must not be a fault.
  void keep_in_children() noexcept { kept_in_children_ = true; }

  bool is_open() const noexcept { return base_ != nullptr && !lost(); }

  /// True once the tape has been found to be cut or unreadable: it is not touched again.
  bool lost() const noexcept { return lost_.load(std::memory_order_relaxed); }
  int error_number() const noexcept { return error_number_; }
  unsigned link_owner() const noexcept { return link_owner_; }
  obstacle stopped_by() const noexcept { return obstacle_.load(std::memory_order_relaxed); }

  /// The maximum size that the tape was given, which may be less than was asked for.
  u64 limit() const noexcept { return limit_; }

  /// True if the file is not mapped: what is published has to be written to it.
  bool is_written() const noexcept { return by_write_; }

  /// True if no system call may be made for this tape any more.
  bool is_reserved() const noexcept { return reserve_all_; }

  /// The tape's path, NUL-terminated; empty before create().
  const char* path() const noexcept { return path_; }

  /// Gives `where` a fresh chunk of the kind for a thread, with room for a record of `least` bytes if it is a kept one.
  /// Of a ring, the chunk that it leaves is held back until the next one is taken: a thread that gets no processor while
  /// others go round the ring finds its newest calls there. False if there is no space; the reason is then in the header.
  bool take_chunk(lane& where, chunk_kind kind, u32 least, u64 thread, u64 thread_number) noexcept;

  /// Says that a lane of the kind now belongs to another thread (the one before has ended): appends a THREAD record.
  /// Empties the lane if its chunk has no room for one, or belongs to somebody else by now.
  void hand_over(lane& where, chunk_kind kind, u64 from, u64 from_number, u64 thread, u64 thread_number,
                 u64 kernel_time) noexcept;

  /// Makes `size` bytes after the lane's published end count. They must be filled in already.
  [[gnu::always_inline]] void publish(lane& where, u32 size) noexcept {
    publish_mapped(where, size);
    if (by_write_) [[unlikely]]
      write_through(where, size);
  }

  /// A slot for a thread, for the life of the process; nullptr if there is no space.
  call_slot* take_slot(u64 thread, u64 thread_number) noexcept;

  /// Before the bytes of a slot change, and after.
  [[gnu::always_inline]] static void open_slot(call_slot& s) noexcept {
    std::atomic_ref<u64>(s.committed).store(0, std::memory_order_relaxed);
    std::atomic_ref<u64>(s.sequence).store(le<u64>(le(s.sequence) + 1), std::memory_order_release);
#ifndef __SANITIZE_THREAD__  // which knows no fences
    std::atomic_thread_fence(std::memory_order_release);
#endif
  }
  [[gnu::always_inline]] void publish_slot(call_slot& s, u64 size) noexcept {
    publish_mapped(s, size);
    if (by_write_) [[unlikely]]
      write_slot(s, size);
  }
  [[gnu::always_inline]] void clear_slot(call_slot& s) noexcept { publish_slot(s, 0); }

  /// The same for a tape that is known not to be is_written().
  [[gnu::always_inline]] static void publish_mapped(lane& where, u32 size) noexcept {
    where.used += size;
    auto* header = reinterpret_cast<chunk_header*>(where.chunk);
    std::atomic_ref<u64>(header->committed).store(le<u64>(where.used), std::memory_order_release);
  }
  [[gnu::always_inline]] static void publish_mapped(call_slot& s, u64 size) noexcept {
    std::atomic_ref<u64>(s.committed).store(le(size), std::memory_order_release);
  }

  /// How many calls of the slot's thread are in flight whose ENTER is in its chunks.
  void set_open(call_slot& s, u32 calls) noexcept;

  /// Stores a pair of counter and CLOCK_MONOTONIC; `replace`: in place of the last one. One thread at a time.
  void store_pair(u64 counter, u64 monotonic, bool replace) noexcept;

  void count(counter which) noexcept { bump(offsetof(file_header, counters) + 8 * static_cast<u64>(which)); }
  void count_filtered(u16 function) noexcept {
    if (function < 256) bump(offsetof(file_header, filtered) + 8 * u64{function});
  }

  /// Bytes that kept chunks may still take; kept calls go to the ring when it is used up.
  bool kept_has_room() const noexcept { return kept_used_.load(std::memory_order_relaxed) < kept_limit_; }
  bool kept_has_half() const noexcept { return kept_used_.load(std::memory_order_relaxed) < kept_limit_ / 2; }

  void stop(stop_reason why, u64 time) noexcept;

  /// True if recording has ended against everybody's will: for lack of space, or because of lost().
  bool has_broken_off() const noexcept;

  /// Takes back a stop for the reason switched_off.
  void resume() noexcept;

  /// In a child of fork that is not to be recorded: the parent's tape is none of its business.
  void forget() noexcept;

  static constexpr u32 ring_chunk = 4 * unit;      ///< bytes of a thread's first chunk of the ring
  static constexpr u32 largest_chunk = 64 * unit;  ///< ... and of its largest, if the limit allows

 private:
  static constexpr u64 first_extent = 128 * 1024;

  file_header* header() const noexcept { return reinterpret_cast<file_header*>(base_); }
  void bump(u64 offset) noexcept;
  create_error open_in(const creation& how, int folder) noexcept;
  bool map(u64 wanted) noexcept;
  bool lay_out(const creation& how) noexcept;
  bool reserve(u64 end) noexcept;
  bool grow(u64 end) noexcept;
  bool allocate(u64 end) noexcept;
  void warm_up(u64 from, u64 to) noexcept;
  bool still_ours() const noexcept { return is_tape(descriptor_.load(std::memory_order_relaxed)); }
  bool is_tape(int descriptor) const noexcept;
  bool reopen() noexcept;
  bool hindered(obstacle by, int error) noexcept;
  bool populate(u8* at, u64 size) noexcept;
  u32 chunk_size(const lane& where, chunk_kind kind, u32 least) const noexcept;
  u8* take_space(chunk_kind kind, u32 size, bool& reserved) noexcept;
  u8* take_special(chunk_kind kind, u64& first, std::atomic<u64>& last) noexcept;
  void move_on(lane& where, u32 index, u64 holder) noexcept;
  u8* recycle(u32& index, u32& size) noexcept;
  void start_chunk(u8* at, chunk_kind kind, u32 size, u64 thread, u64 thread_number) noexcept;
  void write_through(const lane& where, u32 size) noexcept;
  void write_slot(const call_slot& s, u64 size) noexcept;
  bool write_at(const void* bytes, u64 size, u64 offset) noexcept;

  u8* base_ = nullptr;
  std::atomic<int> descriptor_{-1};
  std::atomic<bool> lost_{false};
  std::atomic<obstacle> obstacle_{obstacle::none};
  u64 device_ = 0, inode_ = 0;
  bool by_write_ = false;
  bool kept_in_children_ = false;
  bool ring_ = true;
  bool counts_ = false;
  bool reserve_all_ = false;
  int error_number_ = 0;
  unsigned link_owner_ = 0;
  u64 limit_ = 0, kept_limit_ = 0, largest_extent_ = 0;
  std::atomic<u64> next_{0};      // first byte that no chunk has
  std::atomic<u64> reserved_{0};  // bytes that chunks may be taken from: allocated, and in memory
  std::atomic<u32> growing_{0};
  u64 allocated_ = 0;  // bytes of the file that are backed by disk; belongs to who is growing it
  std::atomic<u64> kept_used_{0};
  std::atomic<u64> next_slot_{0};   // offset of the next free slot; 0, or the end of a chunk: none
  std::atomic<u64> last_slots_{0};  // offset of the newest chunk of slots
  std::atomic<u64> last_pairs_{0};  // ... and of clock pairs
  u32 pairs_ = 0;                   // in the newest chunk of clock pairs
  u64 pair_chunks_ = 0;
  std::atomic<u64> sequence_{0};
  // The ring: where its chunks are, and which are in the hands of a thread. Private memory, one entry a chunk.
  struct ring_entry {
    u32 place;                // offset in units
    u32 units;                // size
    std::atomic<u64> holder;  // number and id of the thread that writes to it or holds it back, 0: free
  };
  ring_entry* ring_chunks_ = nullptr;
  u64 ring_capacity_ = 0;
  std::atomic<u32> ring_count_{0};
  std::atomic<u32> ring_next_{0};
  char path_[4352] = {};
};

}  // namespace p11tape::tape
