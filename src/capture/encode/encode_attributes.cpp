// SPDX-License-Identifier: Apache-2.0
// Templates: attributes with the values that their class allows.
#include <bit>
#include <cstring>

#include "capture/encode/encode.hpp"
#include "cryptoki/pin_text.hpp"
#include "cryptoki/redaction.hpp"

namespace p11tape::capture {

using cryptoki::form;
using cryptoki::redaction_class;
using cryptoki::treatment;
using tape::item_form;

namespace {

constexpr CK_ULONG unavailable = CK_UNAVAILABLE_INFORMATION;

bool is_copied(u8 form) noexcept {
  return form == static_cast<u8>(item_form::bytes) || form == static_cast<u8>(item_form::number) ||
         form == static_cast<u8>(item_form::numbers);
}

}  // namespace

// As look_at(), where the room is that of a number as a rule.
[[gnu::always_inline]] inline u64 encoder::look_at_value(const u8* at, u64 size) noexcept {
  if (size != sizeof(u64) || under_memcheck() || !can_read(at, size)) return look_at(at, size);
  return usable(fingerprint(how_.room_key, at, sizeof(u64)));
}

// Of an attribute without room, the length is what the call writes; of the others, the length and the value.
inline void encoder::note_attribute(const CK_ATTRIBUTE& a, const u8* entry, const cryptoki::attribute_row* row,
                                    int depth) noexcept {
  const auto* value = static_cast<const u8*>(a.pValue);
  if (value == nullptr) return rooms_.note(entry, a.ulValueLen, no_fingerprint);
  const bool looked = a.ulValueLen <= absurd_length && may_be_recorded(row);
  rooms_.note(value, a.ulValueLen, looked ? look_at_value(value, a.ulValueLen) : u64{no_fingerprint});
  const bool nested = row != nullptr && row->kind == form::template_ && depth < deepest_template;
  if (nested && a.ulValueLen % sizeof a == 0) note_attributes(value, a.ulValueLen / sizeof a, depth + 1);
}

void encoder::note_attributes(const u8* at, u64 count, int depth) noexcept {
  if (count > most_attributes) return;
  for (u64 i = 0; i < count; ++i) {
    CK_ATTRIBUTE a;
    const u8* entry = at + i * sizeof a;
    if (!readable(pages_, entry, sizeof a)) return;
    copy_from_caller(&a, entry, sizeof a);
    note_attribute(a, entry, cryptoki::find_attribute(a.type), depth);
  }
}

// False for attributes of which no more than a length is recorded.
bool encoder::may_be_recorded(const cryptoki::attribute_row* row) const noexcept {
  if (row == nullptr) return false;
  if (row->secret == redaction_class::open || row->secret == redaction_class::value) return true;
  return cryptoki::treat(how_.profile, row->secret) == treatment::whole;
}

// True for constants of the attribute's own group, and for CK_UNAVAILABLE_INFORMATION. The same few are asked for again and
// again: those that were found are remembered.
bool encoder::is_known_constant(const cryptoki::attribute_row& row, u64 number) noexcept {
  static constinit std::atomic<u64> found[64]{};
  constexpr u64 half = u64{1} << 32;
  if (number == CK_UNAVAILABLE_INFORMATION) return true;
  const bool short_enough = row.type < half && number < half;
  const u64 both = row.type << 32 | number;
  auto& place = found[both * 0x9e3779b97f4a7c15 >> 58];
  if (short_enough && place.load(std::memory_order_relaxed) == both + 1) return true;
  if (cryptoki::name_of(row.meaning, number).empty()) return false;
  if (short_enough) place.store(both + 1, std::memory_order_relaxed);
  return true;
}

// True if a call that succeeded cannot have meant anything else: the only values of a CK_BBOOL, and constants of the
// attribute's own group.
inline bool encoder::is_constant(const cryptoki::attribute_row& row, const u8* value, u64 size) noexcept {
  if (!can_read(value, size)) return false;
  if (row.kind == form::flag && size == sizeof(CK_BBOOL)) {
    u8 flag = 0;
    copy_from_caller(&flag, value, sizeof flag);
    return flag <= 1;
  }
  if (row.kind != form::number || size != sizeof(CK_ULONG)) return false;
  CK_ULONG number = 0;
  copy_from_caller(&number, value, sizeof number);
  return is_known_constant(row, number);
}

// Whether the call has written an attribute of an output template; completes the header where it has not.
inline bool encoder::is_written(const CK_ATTRIBUTE& a, const u8* entry, const cryptoki::attribute_row* row,
                                tape::attribute_header& h) noexcept {
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
    if (row != nullptr && row->kind == form::template_) return true;
    if (a.ulValueLen == 0 || !may_be_recorded(row)) return true;  // nothing but a length is recorded of it
    if (done && a.ulValueLen != room->size && room->seen != no_fingerprint) return true;
    const u64 now = room->seen == no_fingerprint ? no_fingerprint : look_at_value(value, room->size);
    if (now > undefined_room && a.ulValueLen == room->size) held_ = now;
    if (now > undefined_room && now != room->seen) return true;
    if (done && is_constant(*row, value, a.ulValueLen)) return true;
    h.flags |= tape::item_unchanged;
    if (!done || now <= undefined_room) return false;
    return how_.contents->has(held_ != no_fingerprint ? held_ : content(value, a.ulValueLen));
  }
  h.flags |= tape::item_unchanged;
  return false;
}

// `siblings` and `count`: the template that the attribute is of.
inline void encoder::attribute_value(sink& out, tape::attribute_header& h, const cryptoki::attribute_row* row,
                                     const u8* value, u64 size, const u8* siblings, u64 count, bool outputs,
                                     int depth) noexcept {
  // Numbers that every profile records, as most attributes are that are asked for.
  const bool is_number = row != nullptr && row->kind == form::number && row->secret == redaction_class::open;
  if (!is_number || size != sizeof(CK_ULONG) || !can_read(value, size))
    return any_value(out, h, row, value, size, siblings, count, outputs, depth);
  CK_ULONG n = 0;
  copy_from_caller(&n, value, sizeof n);
  h.form = static_cast<u8>(item_form::number);
  out.number(n);
}

// `values`: the caller's, or what the call has written (`outputs`). Before a call that writes, only types and room.
u64 encoder::attributes(sink& out, u16 index, const u8* at, u64 count, bool values, bool outputs, int depth) noexcept {
  if (count > most_attributes) return tape::pointer_bad;
  u8* item = out.begin_item(index, item_form::template_);
  bool cut = false;
  attribute_list(out, at, count, values, outputs, depth, cut);
  if (cut && item != nullptr) item[offsetof(tape::item_header, flags)] |= tape::item_unreadable;
  out.end_item(item);
  return cut ? u64{tape::pointer_bad} : 0;
}

void encoder::attribute_list(sink& out, const u8* at, u64 count, bool values, bool outputs, int depth,
                             bool& cut) noexcept {
  if (!outputs) return list_of<true, false>(out, at, count, depth, cut);
  values ? list_of<true, true>(out, at, count, depth, cut) : list_of<false, true>(out, at, count, depth, cut);
}

template <bool Values, bool Outputs>
void encoder::list_of(sink& out, const u8* at, u64 count, int depth, bool& cut) noexcept {
  const bool list_readable = readable(pages_, at, count * sizeof(CK_ATTRIBUTE));
  for (u64 i = 0; i < count && !out.overflowed(); ++i) {
    CK_ATTRIBUTE a;
    const u8* entry = at + i * sizeof a;
    if (!list_readable && !readable(pages_, entry, sizeof a)) {
      cut = true;
      return;
    }
    copy_from_caller(&a, entry, sizeof a);
    const auto* row = cryptoki::find_attribute(a.type);
    // Inside a template that the module writes, the types are its outputs too.
    if (Outputs && depth > 0 && row == nullptr) {
      cut = true;
      return;
    }
    if constexpr (Outputs && !Values) note_attribute(a, entry, row, depth);
    tape::attribute_header h{le<u64>(a.type), le<u64>(a.ulValueLen), 0, 0, 0, 0};
    if (a.pValue == nullptr) h.flags |= tape::item_null;
    // Without a buffer the length is an output only: before the call it is whatever stood there.
    if (Outputs && !Values && a.pValue == nullptr) h.length = 0;
    u8* header = out.take(sizeof h);
    const u8* start = out.position();
    bool has_value = false;
    if constexpr (Values) has_value = Outputs ? is_written(a, entry, row, h) : a.pValue != nullptr;
    if (has_value && a.ulValueLen != unavailable)
      attribute_value(out, h, row, static_cast<const u8*>(a.pValue), a.ulValueLen, at, count, Outputs, depth);
    if (header == nullptr || out.overflowed()) return;
    if (Outputs && is_copied(h.form) && a.ulValueLen > sizeof(CK_BBOOL))  // a later call may find it in its buffer
      how_.contents->add(held_ != no_fingerprint ? held_ : content(static_cast<const u8*>(a.pValue), a.ulValueLen));
    h.size = le(static_cast<u32>(out.position() - start));
    std::memcpy(header, &h, sizeof h);
    out.pad(start);
  }
}

// True if the template itself says that the object is a certificate.
bool encoder::is_certificate(const u8* at, u64 count) noexcept {
  for (u64 i = 0; i < count; ++i) {
    CK_ATTRIBUTE a;
    if (!readable(pages_, at + i * sizeof a, sizeof a)) return false;
    copy_from_caller(&a, at + i * sizeof a, sizeof a);
    if (a.type != CKA_CLASS || a.ulValueLen != sizeof(CK_OBJECT_CLASS)) continue;
    CK_OBJECT_CLASS object = 0;
    if (!readable(pages_, a.pValue, sizeof object)) return false;
    copy_from_caller(&object, a.pValue, sizeof object);
    return object == CKO_CERTIFICATE;
  }
  return false;
}

// CKA_VALUE. Only what is taken for a certificate is ever copied, and it is looked at again in memory of ours, so that
// what was looked at is what is recorded. False: it is key material.
bool encoder::object_value(sink& out, tape::attribute_header& h, const u8* value, u64 size, const u8* siblings,
                           u64 count, bool outputs) noexcept {
  if (size > scratch::size || room_ == nullptr) return false;
  // What a failed call left in the template may be what the caller had there.
  const bool said = (!outputs || rv_ == CKR_OK) && is_certificate(siblings, count);
  if (!said && !looks_like_certificate(value, size)) return false;
  copy_from_caller(room_->bytes, value, size);
  const bool certificate = said || looks_like_certificate(room_->bytes, size);
  if (certificate && cryptoki::treat(how_.profile, redaction_class::open) == treatment::whole) {
    const u64 limit = limit_for(redaction_class::open);
    const u64 kept = size < limit ? size : limit;
    if (kept < size) h.flags |= tape::item_cut;
    h.form = static_cast<u8>(item_form::bytes);
    if (u8* room = out.take(kept)) std::memcpy(room, room_->bytes, kept);
  } else if (certificate) {
    h.form = static_cast<u8>(item_form::sum);
    u8 digest[32];
    sha256(room_->bytes, size, digest);
    if (u8* room = out.take(sizeof digest)) std::memcpy(room, digest, sizeof digest);
  }
  wipe(room_->bytes, size);
  return certificate;
}

// Whether a label, ID or other name has a PIN in it.
bool encoder::holds_pin(const u8* at, u64 size) noexcept {
  if (!may_hold_pin(at, size)) return false;
  if (size > scratch::size || room_ == nullptr) return true;
  copy_from_caller(room_->bytes, at, size);
  const bool found = cryptoki::holds_pin({reinterpret_cast<const char*>(room_->bytes), static_cast<std::size_t>(size)});
  wipe(room_->bytes, size);
  return found;
}

void encoder::any_value(sink& out, tape::attribute_header& h, const cryptoki::attribute_row* row, const u8* value,
                        u64 size, const u8* siblings, u64 count, bool outputs, int depth) noexcept {
  auto kind = row != nullptr ? row->kind : form::bytes;
  auto secret = row != nullptr ? row->secret : redaction_class::key;
  if (size > absurd_length || (size != 0 && !can_read(value, size))) {
    h.flags |= tape::item_unreadable;
    return;
  }

  const bool fits = cryptoki::fits(kind, size, sizeof(CK_ULONG));
  if (kind == form::template_ && fits && depth < deepest_template) {
    bool cut = size / sizeof(CK_ATTRIBUTE) > most_attributes;
    h.form = static_cast<u8>(item_form::template_);
    if (!cut) attribute_list(out, value, size / sizeof(CK_ATTRIBUTE), true, outputs, depth + 1, cut);
    if (cut) h.flags |= tape::item_unreadable;
    return;
  }
  // A scalar of another size is none, and a template that cannot be walked may hold anything.
  if (kind == form::template_ || !fits) {
    kind = form::bytes;
    secret = redaction_class::key;
  }

  if (secret == redaction_class::value) {
    if (object_value(out, h, value, size, siblings, count, outputs)) return;
    secret = redaction_class::key;
  }

  auto how = cryptoki::treat(how_.profile, secret);
  if (secret == redaction_class::open && cryptoki::is_scalar(kind)) how = treatment::whole;
  if (how == treatment::whole && secret == redaction_class::identity && holds_pin(value, size)) how = treatment::length;
  if (how != treatment::whole) {
    h.flags |= tape::item_withheld;
    if (how == treatment::rounded_length) {
      h.length = le(u64{size == 0 ? 0 : std::bit_ceil(size)});
      h.flags |= tape::item_length_rounded;
    }
    return;
  }

  if (const bool list = kind == form::numbers || kind == form::mechanisms; list || kind == form::number) {
    h.form = static_cast<u8>(list ? item_form::numbers : item_form::number);
    if (size == 0) h.form = static_cast<u8>(item_form::none);
    for (u64 i = 0; i < size && !out.overflowed(); i += sizeof(CK_ULONG)) {
      CK_ULONG n = 0;
      copy_from_caller(&n, value + i, sizeof n);
      out.number(n);
    }
    return;
  }
  const u64 limit = limit_for(secret);
  const u64 kept = size < limit ? size : limit;
  if (kept < size) h.flags |= tape::item_cut;
  h.form = static_cast<u8>(item_form::bytes);
  if (u8* room = out.take(kept)) copy_from_caller(room, value, kept);
}

}  // namespace p11tape::capture
