// SPDX-License-Identifier: Apache-2.0
// Reading a tape: `reader` opens the file and knows its threads, `cursor` walks over the records of one thread.
//
// Nothing in the file is trusted. Whatever is damaged behind the header is skipped, counted in damage(), and never
// fatal; only a file that is no tape at all throws. The file is read in pieces (pread), not mapped: so memory stays
// bounded for a tape of any size, a file that is cut while it is read is no SIGBUS, and a chunk that the recorder
// overwrites in this very moment is noticed: the chunk's sequence is compared after its bytes were copied, and what
// changed is thrown away.
//
//   tape::reader tape(path);
//   for (std::size_t t = 0; t < tape.threads().size(); ++t)
//     for (tape::cursor c = tape.records(t); c.next(record);) ...
//
// A tape that is still being written: refresh() looks again, and cursors that had come to the end go on.
// A reader and its cursors belong to one thread at a time; different readers are independent.
#pragma once

#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "p11tape/record.hpp"
#include "p11tape/schema.hpp"

namespace p11tape::tape {

/// The file is no tape, or cannot be read. what() is a sentence for people that names the file.
/// Names may hold anything: what a terminal obeys is escaped in it.
class tape_error : public std::runtime_error {
 public:
  explicit tape_error(const std::string& what);
};

/// What the reader could not understand. What the recorder itself left out is in reader::counter() instead. What
/// several cursors come across counts once.
struct damage {
  u64 skipped_bytes = 0;    ///< bytes that are neither chunk nor free space
  u64 cut_chunks = 0;       ///< chunks that reach past the end of the file, or count more bytes than they have
  u64 bad_records = 0;      ///< records that make no sense; the rest of their chunk is lost
  u64 lost_parts = 0;       ///< large records of which a piece is missing
  u64 missing_records = 0;  ///< records that threads wrote and that are not there; a ring overwrites them rightly
  u64 overwritten = 0;      ///< chunks that the recorder overwrote while they were read
  std::vector<std::string> notes;  ///< sentences about header, properties and schema

  /// Missing records alone are no damage: whether something is wrong depends on the recorder's counters.
  bool any() const noexcept {
    return skipped_bytes || cut_chunks || bad_records || lost_parts || overwritten || !notes.empty();
  }
};

struct thread_info {
  u64 number;  ///< 1, 2, 3 ... within the tape
  u64 id;      ///< the kernel's; may be used again by a later thread
};

namespace detail {
struct tape_file;
struct strand;
}  // namespace detail

/// Whether a cursor unpacks and hands out what calls were given and gave. Without, it has less to do, for those who
/// only count calls or look for their times; a CALL seems to end when it begins, and records say body_lost.
enum class record_bodies : u8 { handed_out, left_out };

/// Walks over the records of one thread in order, those of kept and ring chunks merged by their ordinal.
/// A copy goes on from the same place, independently. The reader must outlive it.
class cursor {
 public:
  cursor(const cursor&);
  cursor(cursor&&) noexcept;
  cursor& operator=(const cursor&);
  cursor& operator=(cursor&&) noexcept;
  ~cursor();

  /// The next ENTER, LEAVE, NOTE or EXCHANGE; kinds of a newer version are left out. The two halves of a CALL have the
  /// same ordinal. False when there is none (for now: after reader::refresh() there may be more). On a tape that is
  /// being written a record may come after one with a higher ordinal, if refresh() finds it later.
  bool next(record_view& out);

  /// The same, but of a CALL both halves at once: the ENTER, and its LEAVE in `end`. Returns how many were handed out: 2,
  /// 1 of anything else, 0 when there is none. `end` is unspecified where it was not handed out.
  int next(record_view& out, record_view& end);

  /// The ENTER in the thread's slot, if it is newer than all that next() has handed out: the call that the thread is in,
  /// or died in. To be asked when next() has no more; each is handed out once. On a tape that is being written the same
  /// ENTER may come from next() afterwards.
  bool next_in_flight(record_view& out);

 private:
  friend class reader;
  cursor(detail::tape_file* file, std::size_t thread, record_bodies bodies);
  bool join_parts(record_view& out, bool first_time);
  bool unpack_body(record_view& out);
  bool split(record_view& out, record_view& end);

  detail::tape_file* file_;
  std::size_t thread_;
  bool no_bodies_;
  u32 last_call_ = 0;
  std::unique_ptr<detail::strand> kept_, ring_;
  detail::strand* from_ = nullptr;  // where the record came from that was handed out last
  std::vector<std::byte> parts_;    // bodies of PARTs whose record has not come yet
  u32 parts_call_ = 0;
  bool has_parts_ = false, parts_lost_ = false;
  bool started_ = false;
  u32 last_ordinal_ = 0;
  record_view second_;  // of a CALL that was split: its LEAVE
  bool has_second_ = false;
  std::shared_ptr<std::byte[]> unpacked_;  // room for unpacked bodies
  std::size_t unpacked_used_ = 0;
};

class reader {
 public:
  /// Opens a tape and indexes its chunks. Throws tape_error.
  explicit reader(std::string path);
  /// Reads an open file, whose descriptor the reader closes, also where this throws. `path` is its name for people.
  reader(std::string path, int descriptor);
  reader(reader&&) noexcept;
  reader& operator=(reader&&) noexcept;
  ~reader();

  const std::string& path() const noexcept;

  /// The path for people: what a terminal obeys is escaped.
  std::string shown_path() const;

  /// The header as of the last look, in the host's byte order.
  const file_header& header() const noexcept;
  u64 counter(tape::counter which) const noexcept { return header().counters[static_cast<u8>(which)]; }
  u64 word_size() const noexcept { return header().word_size; }

  /// The first property of that name, "" where there is none.
  std::string_view property(std::string_view key) const noexcept;
  const std::vector<std::pair<std::string, std::string>>& properties() const noexcept;

  const schema& rows() const noexcept;

  /// The bytes of the schema as they are on the tape, up to a MiB.
  std::string stored_schema() const;

  /// The threads in the order of their numbers at the first look; threads found by refresh() come behind.
  std::span<const thread_info> threads() const noexcept;

  /// A cursor at the first record of threads()[index].
  cursor records(std::size_t index, record_bodies bodies = record_bodies::handed_out) const;

  /// Looks at the file again: header, counters, new chunks and threads. Throws tape_error where it cannot be read.
  void refresh();

  /// What could not be understood so far. It grows while cursors walk.
  const tape::damage& damage() const noexcept;

 private:
  std::unique_ptr<detail::tape_file> file_;
};

}  // namespace p11tape::tape
