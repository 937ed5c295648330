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
  const bool list_readable = readable(pages_, at, count * sizeof(CK_ATTRIBUTE));
  for (u64 i = 0; i < count && !out.overflowed(); ++i) {
    CK_ATTRIBUTE a;
    const u8* entry = at + i * sizeof a;
    if (!list_readable && !readable(pages_, entry, sizeof a)) {
      cut = true;
      return;
    }
    copy_from_caller(&a, entry, sizeof a);
    // Inside a template that the module writes, the types are its outputs too.
    if (outputs && depth > 0 && cryptoki::find_attribute(a.type) == nullptr) {
      cut = true;
      return;
    }
    tape::attribute_header h{le<u64>(a.type), le<u64>(a.ulValueLen), 0, 0, 0, 0};
    if (a.pValue == nullptr) h.flags |= tape::item_null;
    // Without a buffer the length is an output only: before the call it is whatever stood there.
    if (outputs && !values && a.pValue == nullptr) h.length = 0;
    u8* header = out.take(sizeof h);
    const u8* start = out.position();
    const bool has_value = outputs ? values && is_written(a, entry, h) : a.pValue != nullptr;
    if (has_value && a.ulValueLen != unavailable)
      attribute_value(out, h, static_cast<const u8*>(a.pValue), a.ulValueLen, at, count, outputs, depth);
    if (header == nullptr || out.overflowed()) return;
    if (outputs && is_copied(h.form) && a.ulValueLen > sizeof(CK_BBOOL))  // a later call may find it in its buffer
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
  const bool found = cryptoki::holds_pin({reinterpret_cast<const char*>(room_->bytes), size});
  wipe(room_->bytes, size);
  return found;
}

// `siblings` and `count`: the template that the attribute is of.
void encoder::attribute_value(sink& out, tape::attribute_header& h, const u8* value, u64 size, const u8* siblings,
                              u64 count, bool outputs, int depth) noexcept {
  const auto* row = cryptoki::find_attribute(le(h.type));
  auto kind = row != nullptr ? row->kind : form::bytes;
  auto secret = row != nullptr ? row->secret : redaction_class::key;
  if (size > absurd_length || (size != 0 && !readable(pages_, value, size))) {
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
