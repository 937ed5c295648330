// SPDX-License-Identifier: Apache-2.0
// What the reader and its cursors share: the open file and the index of its chunks. Not part of the interface.
//
// The index holds, for each thread and each kind of chunk, the stretches of chunks that hold the thread's records,
// sorted by the time of their first record. (A chunk's sequence would not do: a thread may be handed the rest of a
// chunk that is older than the one it has.)
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "p11tape/tape.hpp"
#include "tape/counter_line.hpp"

namespace p11tape::tape::detail {

/// Larger ones are taken for damage, so that a forged size cannot make a reader ask for all the memory there is.
inline constexpr u64 largest_chunk = u64{64} << 20;
inline constexpr u64 largest_record = u64{16} << 20;
inline constexpr u64 largest_text = u64{1} << 20;  ///< properties, schema: a recorder writes some 30 KiB

/// A stretch of a chunk that belongs to one thread.
struct stretch {
  u64 time;      ///< of its first record, in ns
  u64 sequence;  ///< of the chunk
  u32 place;     ///< of the chunk, in units
  u32 begin;     ///< bytes from the start of the chunk
  u32 end;       ///< where the next thread's records begin; 0: all that is committed
  u32 ordinal;   ///< of its first record
  u8 flags;      ///< ... and its record_flags

  bool operator<(const stretch& other) const noexcept {
    return std::tuple(time, ordinal, sequence, begin) <
           std::tuple(other.time, other.ordinal, other.sequence, other.begin);
  }
  /// The same piece of the same chunk, whatever the line from counter to time says by now.
  bool is_same(const stretch& other) const noexcept { return sequence == other.sequence && begin == other.begin; }
};

struct tape_file {
  explicit tape_file(std::string file_path, int open_file = -1);
  ~tape_file();
  tape_file(const tape_file&) = delete;
  tape_file& operator=(const tape_file&) = delete;

  /// Reads header and index again.
  void look();

  /// Reads up to `size` bytes at `offset`; returns how many there were. Throws where the file cannot be read.
  std::size_t read(void* into, std::size_t size, u64 offset) const;

  /// The bytes that the header says are there: as many as the file has, none beyond largest_text. All that is read at an
  /// offset from the header goes through here.
  std::string text_at(u64 offset, u64 text_size) const;

  /// Reads the header of the chunk at `place`, host order. False where there is none that makes sense.
  bool read_chunk_header(u64 offset, chunk_header& out) const;

  /// A record's time in ns. `hint` as for counter_line::at.
  u64 time_of(u64 time, u8 flags, std::size_t& hint) const noexcept {
    return counts && (flags & record_kernel_time) == 0 ? clock_line.at(time, hint) : time;
  }

  std::string path;
  int descriptor = -1;
  u64 size = 0;
  file_header header{};
  std::vector<std::pair<std::string, std::string>> properties;
  schema rows = schema::built_in();
  bool counts = false;  // the times of records are the CPU's counter
  counter_line clock_line;
  std::vector<thread_info> threads;
  std::vector<std::vector<stretch>> kept, ring;  // by index of the thread
  std::vector<u64> slots;                        // by index of the thread: offset of its slot, 0: nothing in it
  std::vector<u32> furthest;                     // by index of the thread: the last ordinal that any cursor came to
  std::set<std::pair<u64, u32>> troubled;        // stretches (sequence, begin) whose trouble is counted already
  u64 generation = 0;                            // counts looks
  tape::damage damage;

 private:
  void open();
  void read_header();
  void read_texts();
  void read_properties(std::string_view text);
  void index();
  void index_chunk(u64 offset, const chunk_header& chunk, byte_view start);
  void add_stretch(u64 offset, const chunk_header& chunk, thread_info owner, u32 begin, u32 end,
                   byte_view first_record);
  void split(u64 offset, const chunk_header& chunk);
  void index_slots(u64 offset, const chunk_header& chunk);
  void take_pairs(u64 offset, const chunk_header& chunk);
  u64 skip_to_chunk(u64 offset, bool before_data);

  struct found_thread {
    u64 id = 0;
    u64 slot = 0;
    std::vector<stretch> kept, ring;
  };

  bool texts_read_ = false;
  std::map<u64, std::size_t> thread_index_;  // by thread number
  std::map<u64, found_thread> found_;        // while indexing, by thread number
};

}  // namespace p11tape::tape::detail
