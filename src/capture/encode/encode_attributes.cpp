// SPDX-License-Identifier: Apache-2.0
// Templates: attributes with the values that their class allows.
#include <bit>
#include <cstring>
#include <iterator>

#include "capture/encode/encode.hpp"
#include "capture/encode/known_constants.hpp"
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
[[gnu::always_inline]] inline void encoder::note_attribute(const CK_ATTRIBUTE& a, const u8* entry,
                                                           const cryptoki::attribute_row* row, int depth) noexcept {
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
    const u8* entry = behind(at, i * sizeof a);
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

// True for constants of the attribute's own group, and for CK_UNAVAILABLE_INFORMATION.
bool encoder::is_known_constant(const cryptoki::attribute_row& row, u64 number) noexcept {
  if (number == CK_UNAVAILABLE_INFORMATION || constants_found.has(row.type, number)) return true;
  if (cryptoki::name_of(row.meaning, number).empty()) return false;
  constants_found.add(row.type, number);
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

// What an output template's attribute says after the call.
struct encoder::finding {
  bool has_value;
  u8 flags = 0;            // of its header
  bool has_length = true;  // the length is the module's
  u64 held = no_fingerprint;
};

[[gnu::always_inline]] inline encoder::finding encoder::find_written(const CK_ATTRIBUTE& a, const u8* entry,
                                                                     const cryptoki::attribute_row* row) noexcept {
  if (a.ulValueLen == CK_UNAVAILABLE_INFORMATION) return {false};  // and the length says so
  const bool done = rv_ == CKR_OK;
  const auto* value = static_cast<const u8*>(a.pValue);
  const auto* room = rooms_.find(value != nullptr ? value : entry);
  if (value == nullptr) {
    const bool known = room != nullptr && room->size != a.ulValueLen;
    if (known || a.ulValueLen == 0) return {false};
    return {false, tape::item_unchanged, false};
  }
  if (room == nullptr || a.ulValueLen > room->size) return {false, tape::item_unchanged};
  // What is inside a template is looked at attribute by attribute.
  if (row != nullptr && row->kind == form::template_) return {true};
  // Nothing but a length is recorded of these.
  if (a.ulValueLen == 0 || row == nullptr || !may_be_recorded(row)) return {true};
  if (done && a.ulValueLen != room->size && room->seen != no_fingerprint) return {true};
  const u64 now = room->seen == no_fingerprint ? no_fingerprint : look_at_value(value, room->size);
  finding f{true};
  if (now > undefined_room && a.ulValueLen == room->size) f.held = now;
  if (now > undefined_room && now != room->seen) return f;
  if (done && is_constant(*row, value, a.ulValueLen)) return f;
  f.flags = tape::item_unchanged;
  f.has_value = done && now > undefined_room &&
                how_.contents->has(f.held != no_fingerprint ? f.held : content(value, a.ulValueLen));
  return f;
}

// `values`: the caller's, or what the call has written (`outputs`). Before a call that writes, only types and room.
u64 encoder::attributes(sink& out, u16 index, const u8* at, u64 count, bool values, bool outputs, int depth) noexcept {
  if (count > most_attributes) return tape::pointer_bad;
  u8* item = out.take(sizeof(tape::item_header));
  bool cut = false;
  attribute_list(out, at, count, values, outputs, depth, cut);
  out.finish_item(item, index, item_form::template_, cut ? u8{tape::item_unreadable} : u8{0});
  return cut ? u64{tape::pointer_bad} : 0;
}

void encoder::attribute_list(sink& out, const u8* at, u64 count, bool values, bool outputs, int depth,
                             bool& cut) noexcept {
  const siblings all{at, count};
  if (!outputs) return list_of<true, false>(out, all, depth, cut);
  values ? list_of<true, true>(out, all, depth, cut) : list_of<false, true>(out, all, depth, cut);
}

// The sink is a copy of which nobody else knows, so that it needs no memory; and a header is put in whole words, since a
// processor waits for narrow stores that are read in wide ones.
template <bool Values, bool Outputs>
[[gnu::always_inline]] inline bool encoder::entry_of(sink& out, const u8* entry, const siblings& all,
                                                     int depth) noexcept {
  CK_ATTRIBUTE a;
  copy_from_caller(&a, entry, sizeof a);
  const auto* row = cryptoki::find_attribute(a.type);
  // Inside a template that the module writes, the types are its outputs too.
  if (Outputs && depth > 0 && row == nullptr) return false;
  if constexpr (Outputs && !Values) note_attribute(a, entry, row, depth);
  finding f{a.pValue != nullptr};
  if constexpr (Outputs && Values) f = find_written(a, entry, row);
  if constexpr (Outputs && !Values) f = {false, 0, a.pValue != nullptr};  // or the length is an output only
  u64 length = f.has_length ? a.ulValueLen : 0;
  u8 form = 0, flags = a.pValue == nullptr ? u8(f.flags | tape::item_null) : f.flags;
  u8* const header = out.take(sizeof(tape::attribute_header));
  const u8* const start = out.position();
  if (f.has_value && a.ulValueLen != unavailable) {
    const auto* const value = static_cast<const u8*>(a.pValue);
    // Numbers that every profile records, as most attributes are that are asked for.
    const bool is_number = row != nullptr && row->kind == cryptoki::form::number &&
                           row->secret == redaction_class::open && a.ulValueLen == sizeof(CK_ULONG);
    if (is_number && can_read(value, sizeof(CK_ULONG))) {
      CK_ULONG n = 0;
      copy_from_caller(&n, value, sizeof n);
      form = static_cast<u8>(item_form::number);
      out.number(n);
    } else {
      tape::attribute_header h{0, le(length), 0, flags, 0, 0};
      sink to = out;
      any_value(to, h, row, value, a.ulValueLen, all, Outputs, depth);
      out = to;
      length = le(h.length);
      form = h.form;
      flags = h.flags;
    }
  }
  if (header == nullptr || out.overflowed()) return true;
  if (Outputs && is_copied(form) && a.ulValueLen > sizeof(CK_BBOOL))  // a later call may find it in its buffer
    how_.contents->add(f.held != no_fingerprint ? f.held : content(static_cast<const u8*>(a.pValue), a.ulValueLen));
  const u64 words[] = {le(u64{a.type}), le(length),
                       le(u64{form} | u64{flags} << 8 | static_cast<u64>(out.position() - start) << 32)};
  for (std::size_t w = 0; w < std::size(words); ++w) std::memcpy(header + 8 * w, &words[w], 8);
  out.pad(start);
  return true;
}

template <bool Values, bool Outputs>
void encoder::list_of(sink& to, const siblings& all, int depth, bool& cut) noexcept {
  const bool list_readable = readable(pages_, all.at, all.count * sizeof(CK_ATTRIBUTE));
  sink out = to;
  for (u64 i = 0; i < all.count && !out.overflowed(); ++i) {
    const u8* entry = behind(all.at, i * sizeof(CK_ATTRIBUTE));
    if ((!list_readable && !readable(pages_, entry, sizeof(CK_ATTRIBUTE))) ||
        !entry_of<Values, Outputs>(out, entry, all, depth)) {
      cut = true;
      break;
    }
  }
  to = out;
}

template <bool Values, bool Outputs>
void encoder::one_entry(sink& out, const u8* entry, const siblings& all) noexcept {
  entry_of<Values, Outputs>(out, entry, all, 0);
}
template void encoder::one_entry<true, false>(sink& out, const u8* entry, const siblings& all) noexcept;
template void encoder::one_entry<false, true>(sink& out, const u8* entry, const siblings& all) noexcept;
template void encoder::one_entry<true, true>(sink& out, const u8* entry, const siblings& all) noexcept;

// True if the template itself says that the object is a certificate.
bool encoder::is_certificate(const siblings& all) noexcept {
  for (u64 i = 0; i < all.count; ++i) {
    CK_ATTRIBUTE a;
    const u8* entry = behind(all.at, i * sizeof a);
    if (!readable(pages_, entry, sizeof a)) return false;
    copy_from_caller(&a, entry, sizeof a);
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
bool encoder::object_value(sink& out, tape::attribute_header& h, const u8* value, u64 size, const siblings& all,
                           bool outputs) noexcept {
  if (size > scratch::size || room_ == nullptr) return false;
  // What a failed call left in the template may be what the caller had there.
  const bool said = (!outputs || rv_ == CKR_OK) && is_certificate(all);
  const auto passes = [&](const u8* at) noexcept {
    return said ? looks_signed(at, size) : looks_like_certificate(at, size);
  };
  if (!passes(value)) return false;
  copy_from_caller(room_->bytes, value, size);
  const bool certificate = passes(room_->bytes);
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
                        u64 size, const siblings& all, bool outputs, int depth) noexcept {
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
    if (object_value(out, h, value, size, all, outputs)) return;
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
