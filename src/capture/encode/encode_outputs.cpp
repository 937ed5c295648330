// SPDX-License-Identifier: Apache-2.0
// Rooms: what a call may write to, looked at before and after it.
#include "capture/encode/encode.hpp"
#include "capture/host/valgrind.hpp"
#include "cryptoki/redaction.hpp"

namespace p11tape::capture {

using cryptoki::flow;
using cryptoki::form;
using cryptoki::redaction_class;
using cryptoki::shape;
using cryptoki::treatment;

namespace {

// Instead of a fingerprint, where memcheck would report that one is taken of bytes that nobody has written yet.
constexpr u64 undefined_room = 1;

}  // namespace

// The fingerprint of a room; no_fingerprint if it cannot be read.
u64 encoder::look_at(const u8* at, u64 size) noexcept {
  if (size > most_room_bytes) size = most_room_bytes;
  if (!readable(pages_, at, size)) return no_fingerprint;
  if (under_memcheck() && valgrind::state_of(at, size) != valgrind::memory::defined) return undefined_room;
  const u64 seen = fingerprint(how_.room_key, at, size);
  return seen > undefined_room ? seen : undefined_room + 1;
}

bool encoder::has_changed(const u8* at) noexcept {
  const auto* room = rooms_.find(at);
  if (room == nullptr || room->seen == no_fingerprint) return false;
  const u64 now = look_at(at, room->size);
  return now > undefined_room && now != room->seen;
}

// The fingerprint of what is recorded of an output, whatever room it lay in.
u64 encoder::content(const u8* at, u64 size) const noexcept {
  return fingerprint(how_.room_key, at, size < most_room_bytes ? size : most_room_bytes);
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

void encoder::unchanged(sink& out, u16 index) noexcept {
  out.end_item(out.begin_item(index, tape::item_form::none, tape::item_unchanged));
}

void encoder::note_room(const source& r, const step& s, const u8* at, int depth) noexcept {
  u64 count = 0, size = sizeof(u64);
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
    case shape::attributes:
      if (count_of(r, s, phase::before, count)) note_attributes(at, count, depth);
      return;
    default:
      return;
  }
  if (!count_of(r, s, phase::before, count) || count > absurd_length / size) return;
  rooms_.note(at, count * size, look_at(at, count * size));
  if (s.kind != shape::records || s.way != flow::inout) return;
  // Of a struct that is in and out, each output counts by itself.
  for (const auto& field : plan_of_record(s.target).steps)
    if (field.way == flow::out && !cryptoki::is_pointer(field.kind))
      rooms_.note(at + field.offset, field.size, look_at(at + field.offset, field.size));
}

// Of attributes without room, the length is what the call writes; of the others, the length and the value.
void encoder::note_attributes(const u8* at, u64 count, int depth) noexcept {
  if (count > most_attributes) return;
  for (u64 i = 0; i < count; ++i) {
    CK_ATTRIBUTE a;
    const u8* entry = at + i * sizeof a;
    if (!readable(pages_, entry, sizeof a)) return;
    copy_from_caller(&a, entry, sizeof a);
    const auto* value = static_cast<const u8*>(a.pValue);
    if (value == nullptr) {
      rooms_.note(entry, a.ulValueLen, no_fingerprint);
      continue;
    }
    const bool looked = a.ulValueLen <= absurd_length && may_be_recorded(a.type);
    rooms_.note(value, a.ulValueLen, looked ? look_at(value, a.ulValueLen) : u64{no_fingerprint});
    const auto* row = cryptoki::find_attribute(a.type);
    const bool nested = row != nullptr && row->kind == form::template_ && depth < deepest_template;
    if (nested && a.ulValueLen % sizeof a == 0) note_attributes(value, a.ulValueLen / sizeof a, depth + 1);
  }
}

// False for attributes of which no more than a length is recorded.
bool encoder::may_be_recorded(u64 type) const noexcept {
  const auto* row = cryptoki::find_attribute(type);
  if (row == nullptr) return false;
  if (row->secret == redaction_class::open || row->secret == redaction_class::value) return true;
  return cryptoki::treat(how_.profile, row->secret) == treatment::whole;
}

// True if a call that succeeded cannot have meant anything else: the only values of a CK_BBOOL, and constants of the
// attribute's own group.
bool encoder::is_constant(u64 type, const u8* value, u64 size) noexcept {
  const auto* row = cryptoki::find_attribute(type);
  if (row == nullptr || !readable(pages_, value, size)) return false;
  if (row->kind == form::flag && size == sizeof(CK_BBOOL)) {
    u8 flag = 0;
    copy_from_caller(&flag, value, sizeof flag);
    return flag <= 1;
  }
  if (row->kind != form::number || size != sizeof(CK_ULONG)) return false;
  CK_ULONG number = 0;
  copy_from_caller(&number, value, sizeof number);
  return number == CK_UNAVAILABLE_INFORMATION || !cryptoki::name_of(row->meaning, number).empty();
}

// Whether the call has written an attribute of an output template; completes the header where it has not.
bool encoder::is_written(const CK_ATTRIBUTE& a, const u8* entry, tape::attribute_header& h) noexcept {
  held_ = no_fingerprint;
  if (a.ulValueLen == CK_UNAVAILABLE_INFORMATION) return false;  // and the length says so
  const bool done = rv_ == CKR_OK;
  const auto* value = static_cast<const u8*>(a.pValue);
  const auto* room = rooms_.find(value != nullptr ? value : entry);
  if (value == nullptr) {
    const bool known = room != nullptr && room->size != a.ulValueLen;
    if (!known && a.ulValueLen != 0) {
      h.length = 0;
      h.flags |= tape::item_unchanged;
    }
    return false;
  }
  if (room != nullptr && a.ulValueLen <= room->size) {
    // What is inside a template is looked at attribute by attribute.
    const auto* row = cryptoki::find_attribute(a.type);
    if (row != nullptr && row->kind == form::template_) return true;
    if (a.ulValueLen == 0 || !may_be_recorded(a.type)) return true;  // nothing but a length is recorded of it
    if (done && a.ulValueLen != room->size && room->seen != no_fingerprint) return true;
    const u64 now = room->seen == no_fingerprint ? no_fingerprint : look_at(value, room->size);
    if (now > undefined_room && a.ulValueLen == room->size) held_ = now;
    if (now > undefined_room && now != room->seen) return true;
    if (done && is_constant(a.type, value, a.ulValueLen)) return true;
    h.flags |= tape::item_unchanged;
    if (!done || now <= undefined_room) return false;
    return how_.contents->has(held_ != no_fingerprint ? held_ : content(value, a.ulValueLen));
  }
  h.flags |= tape::item_unchanged;
  return false;
}

}  // namespace p11tape::capture
