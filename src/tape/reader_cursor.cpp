// SPDX-License-Identifier: Apache-2.0
// Walking over the records of one thread.
#include <algorithm>
#include <cstring>

#include "tape/packed.hpp"
#include "tape/reader_file.hpp"

namespace p11tape::tape {
namespace {

constexpr std::size_t behind_body = 64;  // bytes behind each body that may be read: see unpack()

}  // namespace

namespace detail {

// The thread's chunks of one kind, as one line of records. What is read is copied first, a window of a chunk at a time,
// and the chunk's sequence compared afterwards: what the recorder overwrites meanwhile is never looked at.
struct strand {
  strand(tape_file* tape, std::size_t thread, bool kept) : tape_(tape), thread_(thread), kept_(kept) {}

  /// Has the next record ready in `head`. False at the end, for now.
  bool peek() { return ready_ || find(); }

  /// Makes the next peek() look at the file again where there was no more.
  void look_again() noexcept { exhausted_ = false; }

  /// Hands out the record that peek() found.
  void take(record_view& out) {
    out.kind = static_cast<record_kind>(head.kind);
    out.depth = head.depth;
    out.flags = flags_of(head.size_and_flags);
    out.function = head.function;
    out.call = head.call;
    out.ordinal = head.ordinal;
    out.time = tape_->time_of(head.time, out.flags, hint_);
    out.wall = wall_offset_ + out.time;
    const auto size = size_of(head.size_and_flags);
    out.body = window().subspan(position_ - window_begin_ + sizeof head, size - sizeof head);
    if ((out.flags & record_packed) == 0) out.keep = window_;  // unpacked, it lies elsewhere
    out.stored = size;
    position_ += size;
    ready_ = false;
  }

  /// When a CALL that take() has handed out ended.
  u64 end_of(u64 duration, u8 flags) { return tape_->time_of(head.time + duration, flags, hint_); }

  record_header head{};

 private:
  static constexpr std::size_t window_bytes = 64 << 10;

  // Not inlined: peek() is, in the loop over all records.
  [[gnu::noinline]] bool find() {
    while (!ready_) {
      if (tape_->generation != generation_) relocate();
      if (exhausted_) return false;
      if (!inside_ && !enter()) break;
      if (!decode()) leave();
    }
    exhausted_ = !ready_;
    return ready_;
  }

  const std::vector<stretch>& list() const { return (kept_ ? tape_->kept : tape_->ring)[thread_]; }
  byte_view window() const noexcept { return {window_.get(), static_cast<std::size_t>(window_size_)}; }

  // Goes to the stretch that comes next. False at the end.
  bool enter() {
    if (next_ == list().size()) return false;
    now_ = list()[next_++];
    inside_ = true;
    position_ = limit_ = window_begin_ = now_.begin;
    window_size_ = 0;
    return true;
  }

  // There are no more records in this stretch. The last one of the list is kept: it may grow.
  void leave() {
    if (abandoned_ || next_ != list().size()) {
      inside_ = abandoned_ = false;
    } else {
      exhausted_ = true;
    }
  }

  void abandon(u64& why) {
    if (tape_->troubled.emplace(now_.sequence, now_.begin).second) ++why;
    abandoned_ = true;
  }

  // Reads the header of the record at position_. False where there is none.
  bool decode() {
    if (!has(sizeof head)) return false;
    const auto bytes = window().subspan(position_ - window_begin_);
    std::memcpy(&head, bytes.data(), sizeof head);
    head.size_and_flags = le(head.size_and_flags);
    head.function = le(head.function);
    head.call = le(head.call);
    head.ordinal = le(head.ordinal);
    head.time = le(head.time);
    const auto size = size_of(head.size_and_flags);
    if (size < sizeof head || size % 8 != 0 || size > limit_ - position_) {
      abandon(tape_->damage.bad_records);
      return false;
    }
    if (static_cast<record_kind>(head.kind) == record_kind::thread) {
      abandoned_ = true;  // handed on since the index was made
      return false;
    }
    ready_ = has(size);
    return ready_;
  }

  // True where the window has `wanted` bytes at position_; reads more of the chunk if need be.
  bool has(std::size_t wanted) {
    if (position_ + wanted <= window_begin_ + window_size_) return true;
    return load_window(wanted) && position_ + wanted <= window_begin_ + window_size_;
  }

  bool load_window(std::size_t wanted) {
    const auto chunk_at = u64{now_.place} * unit;
    chunk_header chunk;
    if (!is_same_chunk(chunk_at, chunk)) return false;
    wall_offset_ = chunk.wall - chunk.monotonic;
    limit_ = std::min<u64>({chunk.committed, chunk.size, now_.end == 0 ? largest_chunk : now_.end});
    limit_ = std::max<u64>(limit_, position_);
    const auto size = std::min<u64>(limit_ - position_, std::max(wanted, window_bytes));
    if (size == 0) return false;
    auto buffer = std::make_shared_for_overwrite<std::byte[]>(size + behind_body);
    const auto have = tape_->read(buffer.get(), size, chunk_at + position_);
    if (!is_same_chunk(chunk_at, chunk)) return false;
    if (have < size) limit_ = position_ + have;
    if (have < wanted) {
      if (have != 0) abandon(tape_->damage.bad_records);
      return false;
    }
    window_ = std::move(buffer);
    window_begin_ = position_;
    window_size_ = have;
    return true;
  }

  bool is_same_chunk(u64 offset, chunk_header& out) {
    if (tape_->read_chunk_header(offset, out) && out.sequence == now_.sequence && out.committed != 0) return true;
    abandon(tape_->damage.overwritten);
    return false;
  }

  // The index was made again: finds the place where we were in it.
  void relocate() {
    generation_ = tape_->generation;
    exhausted_ = false;
    if (next_ == 0) return;
    const auto& all = list();
    auto at = std::find_if(all.begin(), all.end(), [&](const stretch& s) { return s.is_same(now_); });
    const bool found = at != all.end();
    if (!found) at = std::lower_bound(all.begin(), all.end(), now_);
    next_ = static_cast<std::size_t>(at - all.begin());
    if (found) {
      now_.end = at->end;
      ++next_;
    } else {
      inside_ = false;  // overwritten: go on with what is younger
    }
  }

  tape_file* tape_;
  std::size_t thread_;
  bool kept_;
  u64 generation_ = 0;
  std::size_t next_ = 0;  // in the list
  stretch now_{};
  bool inside_ = false;     // a stretch
  bool abandoned_ = false;  // the rest of it is of no use
  bool exhausted_ = false;
  bool ready_ = false;
  u64 position_ = 0, limit_ = 0;  // bytes from the start of the chunk
  u64 wall_offset_ = 0;
  std::size_t hint_ = 0;
  std::shared_ptr<std::byte[]> window_;
  u64 window_begin_ = 0, window_size_ = 0;
};

}  // namespace detail

cursor::cursor(detail::tape_file* file, std::size_t thread, record_bodies bodies)
    : file_(file),
      thread_(thread),
      no_bodies_(bodies == record_bodies::left_out),
      kept_(std::make_unique<detail::strand>(file, thread, true)),
      ring_(std::make_unique<detail::strand>(file, thread, false)) {}

cursor::cursor(const cursor& other)
    : file_(other.file_),
      thread_(other.thread_),
      no_bodies_(other.no_bodies_),
      last_call_(other.last_call_),
      kept_(std::make_unique<detail::strand>(*other.kept_)),
      ring_(std::make_unique<detail::strand>(*other.ring_)),
      parts_(other.parts_),
      parts_call_(other.parts_call_),
      has_parts_(other.has_parts_),
      parts_lost_(other.parts_lost_),
      started_(other.started_),
      last_ordinal_(other.last_ordinal_),
      second_(other.second_),
      has_second_(other.has_second_) {}

cursor& cursor::operator=(const cursor& other) { return *this = cursor(other); }
cursor::cursor(cursor&&) noexcept = default;
cursor& cursor::operator=(cursor&&) noexcept = default;
cursor::~cursor() = default;

bool cursor::next(record_view& out) {
  const int count = next(out, second_);
  has_second_ = count == 2;
  return count != 0;
}

int cursor::next(record_view& out, record_view& end) {
  if (has_second_) {
    std::swap(out, second_);
    has_second_ = false;
    return 1;
  }
  for (;;) {
    bool kept = kept_->peek(), ring = ring_->peek();
    if (!kept && !ring) return 0;
    // On a tape that is being written, the record that seems to be missing may have come a moment ago.
    if (kept != ring && started_ && (kept ? kept_ : ring_)->head.ordinal != last_ordinal_ + 1) {
      auto& other = kept ? ring_ : kept_;
      other->look_again();
      (kept ? ring : kept) = other->peek();
    }
    // Ordinals may wrap around, so it is their distance that counts.
    const bool take_kept = kept && (!ring || static_cast<std::int32_t>(kept_->head.ordinal - ring_->head.ordinal) <= 0);
    from_ = (take_kept ? kept_ : ring_).get();
    from_->take(out);
    out.gap = started_ ? out.ordinal != last_ordinal_ + 1 : out.ordinal > 1;
    out.body_lost = false;
    if (no_bodies_) out.body = {};
    auto& furthest = file_->furthest[thread_];
    const bool first_time = static_cast<std::int32_t>(out.ordinal - furthest) > 0;
    if (first_time) {
      file_->damage.missing_records += out.ordinal - last_ordinal_ - 1;
      furthest = out.ordinal;
    }
    started_ = true;
    last_ordinal_ = out.ordinal;
    switch (out.kind) {
      case record_kind::enter:
      case record_kind::leave:
      case record_kind::note:
      case record_kind::exchange:
      case record_kind::part:
      case record_kind::call:
        if ((has_parts_ || out.kind == record_kind::part) && !join_parts(out, first_time)) break;
        out.body_lost |= no_bodies_;
        if (out.kind == record_kind::enter || out.kind == record_kind::call) last_call_ = out.call;
        if (unpack_body(out)) {
          if (out.kind != record_kind::call) return 1;
          if (split(out, end)) return 2;
        }
        file_->damage.bad_records += first_time;
        out.gap = out.body_lost = true;
        out.body = {};
        if (out.kind == record_kind::call) out.kind = record_kind::enter;
        return 1;
      default:  // of a newer version
        break;
    }
  }
}

// Makes an ENTER of a CALL, and a LEAVE that comes next. False if the body makes no sense.
bool cursor::split(record_view& out, record_view& end) {
  end.time = out.time;
  if (out.body_lost) {
    end.body = {};
  } else {
    // Piece by piece: to copy the view of a body that has just been stored, the processor would have to wait for it.
    const auto* const bytes = out.body.data();
    const auto size = out.body.size();
    if (size < sizeof(call_head) + 8) return false;
    const auto fields = load<u64>({bytes, size}, offsetof(call_head, fields_size));
    if (fields > size - sizeof(call_head) - 8 || fields % 8 != 0) return false;
    end.time = std::max(out.time, from_->end_of(load<u64>({bytes, size}, offsetof(call_head, duration)), out.flags));
    end.body = {bytes + sizeof(call_head) + fields, size - sizeof(call_head) - static_cast<std::size_t>(fields)};
    out.body = {bytes + sizeof(call_head), static_cast<std::size_t>(fields)};
  }
  out.kind = record_kind::enter;
  end.kind = record_kind::leave;
  end.depth = out.depth;
  end.flags = out.flags;
  end.function = out.function;
  end.call = out.call;
  end.ordinal = out.ordinal;
  end.wall = out.wall + (end.time - out.time);
  end.stored = 0;
  end.gap = false;
  end.body_lost = out.body_lost;
  end.keep = out.keep;
  return true;
}

// Bodies are unpacked into memory that they share: records that are still held keep theirs. A small piece at a time, which
// stays in the cache.
bool cursor::unpack_body(record_view& out) {
  constexpr std::size_t room = std::size_t{32} << 10;
  if ((out.flags & record_packed) == 0 || out.body_lost) return true;
  const auto most = unpacked_room(out.body.size());
  const bool is_large = most > room;
  if (is_large || unpacked_ == nullptr || room - unpacked_used_ < most) {
    unpacked_ = std::make_shared_for_overwrite<std::byte[]>(std::max(most, room));
    unpacked_used_ = 0;
  }
  auto* const at = unpacked_.get() + unpacked_used_;
  const auto size = unpack(out.body.data(), out.body.size(), at, behind_body);
  if (size == malformed) return false;
  out.body = {at, size};
  unpacked_used_ = is_large ? room : unpacked_used_ + size;
  out.keep = unpacked_;
  return true;
}

bool cursor::next_in_flight(record_view& out) {
  constexpr std::size_t head = sizeof(record_header), counted = offsetof(call_slot, thread);
  const auto offset = file_->slots[thread_];
  chunk_header chunk;
  if (offset == 0 || !file_->read_chunk_header(offset / unit * unit, chunk)) return false;
  // Its size and sequence are read before and after it: they change with whatever the recorder puts there meanwhile.
  std::byte before[counted], after[counted];
  auto buffer = std::make_shared_for_overwrite<std::byte[]>(sizeof(call_slot));
  if (file_->read(before, counted, offset) != counted ||
      file_->read(buffer.get(), sizeof(call_slot), offset) != sizeof(call_slot) ||
      file_->read(after, counted, offset) != counted || std::memcmp(before, after, counted) != 0)
    return false;
  const byte_view slot(buffer.get(), sizeof(call_slot));
  const auto committed = load<u64>(before, offsetof(call_slot, committed));
  if (committed < head || committed > sizeof call_slot::record ||
      load<u64>(slot, offsetof(call_slot, thread_number)) != file_->threads[thread_].number)
    return false;
  const auto record = slot.subspan(offsetof(call_slot, record), committed);
  const auto call = load<u32>(record, offsetof(record_header, call));
  const auto flags = flags_of(load<u32>(record, 0));
  if (load<u8>(record, offsetof(record_header, kind)) != static_cast<u8>(record_kind::enter) ||
      (flags & record_packed) != 0 || static_cast<std::int32_t>(call - last_call_) <= 0)
    return false;
  last_call_ = call;
  std::size_t hint = 0;
  out.kind = record_kind::enter;
  out.depth = load<u8>(record, offsetof(record_header, depth));
  out.flags = flags;
  out.function = load<u16>(record, offsetof(record_header, function));
  out.call = call;
  out.ordinal = load<u32>(record, offsetof(record_header, ordinal));
  out.time = file_->time_of(load<u64>(record, offsetof(record_header, time)), flags, hint);
  out.wall = chunk.wall - chunk.monotonic + out.time;
  out.gap = out.body_lost = false;
  out.stored = 0;
  out.body = record.subspan(head);
  out.keep = std::move(buffer);
  return true;
}

// Collects the PARTs of a large record and puts them in front of its body: for a PART, and the first record behind PARTs. False
// where more is to come.
bool cursor::join_parts(record_view& out, bool first_time) {
  const bool is_part = out.kind == record_kind::part;
  const bool second_try = !is_part && (out.flags & record_no_outputs) != 0;  // the pieces had no space for their end
  if (has_parts_ && (out.call != parts_call_ || second_try)) {
    file_->damage.lost_parts += first_time && !second_try;
    has_parts_ = false;
    if (!is_part) return true;
  }
  if (!has_parts_) {
    parts_.clear();
    parts_lost_ = false;
    parts_call_ = out.call;
    has_parts_ = true;
  }
  parts_lost_ |= out.gap || parts_.size() + out.body.size() > detail::largest_record;
  if (!parts_lost_) parts_.insert(parts_.end(), out.body.begin(), out.body.end());
  if (is_part) return false;

  has_parts_ = false;
  out.gap = out.body_lost = parts_lost_;
  if (parts_lost_) {
    file_->damage.lost_parts += first_time;
    out.body = {};
    out.keep = shared_bytes();
    return true;
  }
  auto whole = std::make_shared_for_overwrite<std::byte[]>(parts_.size() + behind_body);
  std::copy(parts_.begin(), parts_.end(), whole.get());
  out.body = {whole.get(), parts_.size()};
  out.keep = std::move(whole);
  return true;
}

}  // namespace p11tape::tape
