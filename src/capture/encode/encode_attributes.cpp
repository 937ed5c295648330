// SPDX-License-Identifier: Apache-2.0
// Templates: attributes with the values that their class allows.
#include <bit>
#include <cstring>

#include "capture/encode/encode.hpp"
#include "cryptoki/redaction.hpp"

namespace p11tape::capture {

using cryptoki::form;
using cryptoki::redaction_class;
using cryptoki::treatment;
using tape::item_form;

namespace {

constexpr u64 most_attributes = template_room::most;
constexpr int deepest_template = 3;
constexpr CK_ULONG unavailable = CK_UNAVAILABLE_INFORMATION;

bool is_scalar(form f) noexcept {
  return f == form::flag || f == form::number || f == form::numbers || f == form::mechanisms || f == form::version;
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
  const bool top = depth == 0 && outputs;
  if (top && !values) {
    templates_.call = call_;
    templates_.count = static_cast<u32>(count);
  }
  const u64 known = templates_.call == call_ ? templates_.count : 0;
  for (u64 i = 0; i < count && !out.overflowed(); ++i) {
    CK_ATTRIBUTE a;
    if (!list_readable && !readable(pages_, at + i * sizeof a, sizeof a)) {
      cut = true;
      return;
    }
    copy_from_caller(&a, at + i * sizeof a, sizeof a);
    tape::attribute_header h{le<u64>(a.type), le<u64>(a.ulValueLen), 0, 0, 0, 0};
    if (a.pValue == nullptr) h.flags |= tape::item_null;
    u8* header = out.take(sizeof h);
    const u8* start = out.position();
    if (top && !values) templates_.size[i] = a.pValue == nullptr ? 0 : a.ulValueLen;
    if (values && a.pValue != nullptr && a.ulValueLen != unavailable) {
      u64 size = a.ulValueLen;
      // A module that claims to have written more than it was given room for is believed up to the room.
      if (top) size = i >= known ? 0 : size < templates_.size[i] ? size : templates_.size[i];
      attribute_value(out, h, static_cast<const u8*>(a.pValue), size, at, count, depth);
    }
    if (header == nullptr || out.overflowed()) return;
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

// `siblings` and `count`: the template that the attribute is of.
void encoder::attribute_value(sink& out, tape::attribute_header& h, const u8* value, u64 size, const u8* siblings,
                              u64 count, int depth) noexcept {
  const auto* row = cryptoki::find_attribute(le(h.type));
  const auto kind = row != nullptr ? row->kind : form::bytes;
  auto secret = row != nullptr ? row->secret : redaction_class::key;
  if (size > absurd_length || (size != 0 && !readable(pages_, value, size))) {
    h.flags |= tape::item_unreadable;
    return;
  }

  if (kind == form::template_ && size % sizeof(CK_ATTRIBUTE) == 0 && depth < deepest_template) {
    bool cut = size / sizeof(CK_ATTRIBUTE) > most_attributes;
    h.form = static_cast<u8>(item_form::template_);
    if (!cut) attribute_list(out, value, size / sizeof(CK_ATTRIBUTE), true, false, depth + 1, cut);
    if (cut) h.flags |= tape::item_unreadable;
    return;
  }

  if (secret == redaction_class::value) {
    // Looked at in memory of ours, so that what was looked at is what is copied.
    const bool fits = size <= scratch::size && room_ != nullptr;
    if (fits) copy_from_caller(room_->bytes, value, size);
    const bool certificate = fits && (is_certificate(siblings, count) || looks_like_certificate(room_->bytes, size));
    if (certificate && cryptoki::treat(how_.profile, redaction_class::open) == treatment::whole) {
      value = room_->bytes;
      secret = redaction_class::open;
    } else if (certificate) {
      h.form = static_cast<u8>(item_form::sum);
      u8 digest[32];
      sha256(room_->bytes, size, digest);
      if (u8* room = out.take(sizeof digest)) std::memcpy(room, digest, sizeof digest);
      return;
    } else {
      secret = redaction_class::key;
    }
  }

  auto how = cryptoki::treat(how_.profile, secret);
  if (secret == redaction_class::open && is_scalar(kind)) how = treatment::whole;
  if (how == treatment::whole && kind == form::text && holds_pin_value(value, size)) how = treatment::length;
  if (how != treatment::whole) {
    h.flags |= tape::item_withheld;
    if (how == treatment::rounded_length) {
      h.length = le(u64{size == 0 ? 0 : std::bit_ceil(size)});
      h.flags |= tape::item_length_rounded;
    }
    return;
  }

  const bool list = kind == form::numbers || kind == form::mechanisms;
  if ((kind == form::number && size == sizeof(CK_ULONG)) || (list && size % sizeof(CK_ULONG) == 0)) {
    h.form = static_cast<u8>(list ? item_form::numbers : item_form::number);
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
