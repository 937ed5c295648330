// SPDX-License-Identifier: Apache-2.0
// Rooms: what a call may write to, looked at before and after it.
#include "capture/encode/encode.hpp"
#include "capture/host/valgrind.hpp"
#include "cryptoki/redaction.hpp"

namespace p11tape::capture {

using cryptoki::flow;
using cryptoki::shape;
using cryptoki::treatment;

// The fingerprint of a room; no_fingerprint if it cannot be read.
u64 encoder::look_at(const u8* at, u64 size) noexcept {
  if (size > most_room_bytes) size = most_room_bytes;
  if (!can_read(at, size)) return no_fingerprint;
  if (under_memcheck() && valgrind::state_of(at, size) != valgrind::memory::defined) return undefined_room;
  return usable(fingerprint_of_any(how_.room_key, at, size));
}

bool encoder::has_changed(const u8* at) noexcept {
  const auto* room = rooms_.find(at);
  if (room == nullptr || room->seen == no_fingerprint) return false;
  const u64 now = look_at(at, room->size);
  return now > undefined_room && now != room->seen;
}

// The fingerprint of what is recorded of an output, whatever room it lay in.
u64 encoder::content(const u8* at, u64 size) const noexcept {
  return fingerprint_of_any(how_.room_key, at, size < most_room_bytes ? size : most_room_bytes);
}

// Whether an output of `size` readable bytes may be recorded, with the flags of its item. It was written if its room has
// changed. If not, the memory of a call that succeeded may still hold what an output held before: those bytes are known.
bool encoder::may_record(const u8* at, u64 size, u8& flags) noexcept {
  const auto* room = rooms_.find(at);
  if (room == nullptr || room->seen == no_fingerprint) return false;
  const u64 now = look_at(at, room->size);
  if (now <= undefined_room) return false;
  const u64 held = size == room->size ? now : content(at, size);
  if (now != room->seen) {
    how_.contents->add(held);
    return true;
  }
  flags |= tape::item_unchanged;
  return rv_ == CKR_OK && how_.contents->has(held);
}

void encoder::note_room(const source& r, const step& s, const u8* at, int depth) noexcept {
  u64 count = 0, size = sizeof(CK_ULONG);
  switch (s.kind) {
    case shape::bytes:
      if (treatment_of(r, s) != treatment::whole) return;  // nothing of it is recorded
      size = 1;
      break;
    case shape::records:
      size = cryptoki::records[s.target].size;
      break;
    case shape::address:
      if (s.target == no_target || s.target == message_parameter) return;
      size = cryptoki::records[s.target].size;
      break;
    case shape::numbers:
    case shape::function_list:
    case shape::interface:
      break;
    case shape::attributes:  // those that are outputs alone are noted where they are encoded
      if (s.way == flow::inout && count_of(r, s, phase::before, count)) note_attributes(at, count, depth);
      return;
    default:
      return;
  }
  if (!count_of(r, s, phase::before, count) || count > absurd_length / size) return;
  rooms_.note(at, count * size, look_at(at, count * size));
  if (s.kind != shape::records || s.way != flow::inout) return;
  // Of a struct that is in and out, each output counts by itself.
  for (const auto& field : plan_of_record(s.target).steps)
    if (field.way == flow::out && !cryptoki::is_pointer(field.kind)) {
      const u8* const room = behind(at, field.offset);
      rooms_.note(room, field.size, look_at(room, field.size));
    }
}

}  // namespace p11tape::capture
