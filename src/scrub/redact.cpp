// SPDX-License-Identifier: Apache-2.0
#include "scrub/redact.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "cryptoki/pin_text.hpp"
#include "cryptoki/redaction.hpp"
#include "cryptoki/tables.hpp"

namespace p11tape::scrub {

using cryptoki::field;
using cryptoki::form;
using cryptoki::redaction_class;
using cryptoki::shape;
using cryptoki::treatment;
using tape::byte_view;
using tape::item_form;
using tape::item_view;
using tape::u32;
using tape::u64;
using tape::u8;

namespace {

constexpr int deepest = 8;

void put(std::vector<std::byte>& out, const void* from, std::size_t size) {
  const auto* at = static_cast<const std::byte*>(from);
  out.insert(out.end(), at, at + size);
}

template <class T>
void put_number(std::vector<std::byte>& out, T value) {
  value = tape::le(value);
  put(out, &value, sizeof value);
}

void pad(std::vector<std::byte>& out) { out.resize(tape::padded(out.size())); }

// An item whose payload was put behind `start`, the place where its header was left free.
struct open_item {
  std::vector<std::byte>& out;
  std::size_t start;

  open_item(std::vector<std::byte>& into, const item_view& like) : out(into), start(into.size()) {
    const tape::item_header h{tape::le(like.field), static_cast<u8>(like.form), like.flags, 0};
    put(out, &h, sizeof h);
  }
  void close() {
    const u32 size = tape::le(static_cast<u32>(out.size() - start - sizeof(tape::item_header)));
    std::memcpy(out.data() + start + offsetof(tape::item_header, size), &size, sizeof size);
    pad(out);
  }
};

void copy(std::vector<std::byte>& out, const item_view& i) {
  open_item o(out, i);
  put(out, i.payload.data(), i.payload.size());
  o.close();
}

// How much a profile lets through of a class; less is stricter.
int openness(treatment t) {
  switch (t) {
    case treatment::withhold:
      return 0;
    case treatment::rounded_length:
      return 1;
    case treatment::length:
    case treatment::pin_facts:
      return 2;
    case treatment::by_certificate:
      return 3;
    case treatment::whole:
      return 4;
  }
  return 0;
}

std::string_view text_of(byte_view bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// The class of the value of a CK_OTP_PARAM or CK_PRF_DATA_PARAM that was recorded at all.
redaction_class by_type(const field& f, u64 type) {
  if (f.secret == redaction_class::by_prf_type) return redaction_class::parameter;
  const bool open = type == CK_OTP_FLAGS || type == CK_OTP_OUTPUT_LENGTH || type == CK_OTP_OUTPUT_FORMAT;
  return open ? redaction_class::parameter : redaction_class::key;
}

}  // namespace

redactor::redactor(const tape::schema& rows, std::size_t profile, unsigned word_size)
    : profile_(profile), word_size_(word_size) {
  const auto take = [this](const auto& fields, std::span<const field> own) {
    std::vector<field> out(fields.begin(), fields.end());
    for (auto& f : out)
      for (const auto& mine : own)
        if (mine.name == f.name) f.secret = stricter(f.secret, mine.secret);
    return out;
  };
  for (std::size_t i = 0; const auto* f = rows.function(static_cast<tape::u16>(i)); ++i) {
    const auto* own = std::find_if(std::begin(cryptoki::functions), std::end(cryptoki::functions),
                                   [&](const auto& o) { return o.name == f->name; });
    functions_.push_back(
        take(f->arguments, own != std::end(cryptoki::functions) ? own->arguments : std::span<const field>()));
  }
  for (std::size_t i = 0; const auto* r = rows.structure(static_cast<u32>(i)); ++i) {
    const auto own = cryptoki::record_named(r->name);
    structs_.push_back(
        take(r->fields, own != cryptoki::record_count ? cryptoki::records[own].fields : std::span<const field>()));
  }
}

redaction_class redactor::stricter(redaction_class a, redaction_class b) const {
  return openness(cryptoki::treat(profile_, a)) < openness(cryptoki::treat(profile_, b)) ? a : b;
}

bool redactor::whole(redaction_class s) const { return cryptoki::treat(profile_, s) == treatment::whole; }

std::vector<std::byte> redactor::enter(tape::u16 function, byte_view body) const {
  bytes out;
  if (function < functions_.size()) fields(out, functions_[function], body, 0);
  return out;
}

std::vector<std::byte> redactor::leave(tape::u16 function, byte_view body) const {
  bytes out;
  const tape::result_view result(body);
  put_number(out, result.return_value());
  if (function >= functions_.size()) return out;
  for (const auto& i : result.items()) item(out, functions_[function], 0, i, 0);
  return out;
}

void redactor::fields(bytes& out, row fields, byte_view body, int depth) const {
  // A field needs bytes: what a forged row has more stays out.
  fields = fields.first(std::min(fields.size(), body.size() / 8));
  const tape::fields_view view(fields, body);
  const std::size_t words = out.size();
  for (std::size_t i = 0; i < fields.size(); ++i)
    put_number(out, cryptoki::is_pointer(fields[i].kind) ? view.word(i) : number(fields, i, view.word(i)));
  for (const auto& i : view.items()) {
    const u64 bits = item(out, fields, view.word(0), i, depth);
    if (bits == 0 || i.field >= fields.size()) continue;
    const u64 word = tape::le(view.word(i.field) | bits);
    std::memcpy(out.data() + words + 8 * i.field, &word, sizeof word);
  }
  // Lengths of secrets that were never items.
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& f = fields[i];
    if (f.kind != shape::bytes || !view.given(i)) continue;
    const auto how = cryptoki::treat(profile_, f.secret);
    u64 bits = view.word(i);
    if (how == treatment::withhold) bits |= tape::pointer_withheld | tape::pointer_length_withheld;
    if (how == treatment::rounded_length) bits |= tape::pointer_withheld | tape::pointer_length_rounded;
    bits = tape::le(bits | (tape::load<u64>(out, words + 8 * i) & tape::pointer_withheld));
    std::memcpy(out.data() + words + 8 * i, &bits, sizeof bits);
  }
}

// A number that counts a secret tells no more of it than the profile allows.
u64 redactor::number(row fields, std::size_t index, u64 value) const {
  for (const auto& f : fields) {
    if (f.count != static_cast<int>(index) || f.kind != shape::bytes) continue;
    const auto how = cryptoki::treat(profile_, f.secret);
    if (how == treatment::withhold) return 0;
    if (how == treatment::rounded_length) return value == 0 || value > u64{1} << 62 ? value : std::bit_ceil(value);
  }
  return value;
}

// Puts the item as far as it may stay; answers the bits that its word gets where it may not.
u64 redactor::item(bytes& out, row fields, u64 first_word, const item_view& i, int depth) const {
  if (i.field >= fields.size() || depth > deepest) return tape::pointer_withheld;
  const auto& f = fields[i.field];
  switch (i.form) {
    case item_form::number: {
      item_view shown = i;
      const u64 value = tape::le(number(fields, i.field, i.number()));
      shown.payload = byte_view(reinterpret_cast<const std::byte*>(&value), sizeof value);
      copy(out, shown);
      return 0;
    }
    case item_form::numbers:
      copy(out, i);
      return 0;
    case item_form::record: {
      open_item o(out, i);
      nested(out, i.payload, depth + 1);
      o.close();
      return 0;
    }
    case item_form::records: {
      open_item o(out, i);
      for (const auto& n : tape::sequence<tape::nested_view>(i.payload)) {
        const std::size_t at = out.size();
        put_number(out, u64{0});
        put_number(out, u64{n.record});
        if (n.record < structs_.size()) this->fields(out, structs_[n.record], n.body, depth + 1);
        const u64 size = tape::le(static_cast<u64>(out.size() - at - 8));
        std::memcpy(out.data() + at, &size, sizeof size);
        pad(out);
      }
      o.close();
      return 0;
    }
    case item_form::template_: {
      open_item o(out, i);
      for (const auto& a : tape::sequence<tape::attribute_view>(i.payload)) attribute(out, a, depth + 1);
      o.close();
      return 0;
    }
    case item_form::mechanism: {
      tape::mechanism_view m;
      if (!tape::mechanism_view::parse(i.payload, m)) return tape::pointer_withheld;
      item_view kept = i;
      const bool gone = m.has_parameter && m.parameter.form == item_form::bytes && !whole(redaction_class::parameter);
      if (gone) kept.flags |= tape::item_withheld;
      open_item o(out, kept);
      put_number(out, m.type);
      put_number(out, m.parameter_length);
      if (m.has_parameter && !gone) {
        if (m.parameter.form == item_form::record) {
          open_item inner(out, m.parameter);
          nested(out, m.parameter.payload, depth + 1);
          inner.close();
        } else {
          copy(out, m.parameter);
        }
      }
      o.close();
      return 0;
    }
    case item_form::pin:
      if (cryptoki::treat(profile_, f.secret) != treatment::pin_facts)
        return tape::pointer_withheld | tape::pointer_length_withheld;
      copy(out, i);
      return 0;
    case item_form::bytes:
    case item_form::text: {
      auto secret = f.secret;
      if (secret == redaction_class::by_otp_type || secret == redaction_class::by_prf_type)
        secret = by_type(f, first_word);
      if (f.target == "message_parameter") secret = redaction_class::parameter;
      if (!whole(secret) || cryptoki::holds_pin(text_of(i.payload))) return tape::pointer_withheld;
      copy(out, i);
      return 0;
    }
    case item_form::sum:
      copy(out, i);
      return 0;
    case item_form::none:  // an output that was not proven to be written
      if (i.payload.empty()) copy(out, i);
      return 0;
    default:
      return tape::pointer_withheld;
  }
}

void redactor::nested(bytes& out, byte_view payload, int depth) const {
  tape::nested_view n;
  if (!tape::nested_view::parse(payload, n)) return;
  put_number(out, u64{n.record});
  if (n.record < structs_.size()) fields(out, structs_[n.record], n.body, depth);
}

bool redactor::attribute(bytes& out, const tape::attribute_view& a, int depth) const {
  const auto* known = cryptoki::find_attribute(a.type);
  auto secret = known != nullptr ? known->secret : redaction_class::key;
  tape::attribute_header h{tape::le(a.type), tape::le(a.length), static_cast<u8>(a.form), a.flags, 0, 0};
  const std::size_t at = out.size();
  put(out, &h, sizeof h);
  const std::size_t start = out.size();

  // A scalar of another size is none, and a template of raw bytes may hold anything.
  const u64 size = a.form == item_form::bytes ? a.payload.size() : a.length;
  const bool sized = a.form != item_form::none && !a.has(tape::item_length_rounded) && !a.has(tape::item_cut);
  const bool is_template = known != nullptr && known->kind == form::template_;
  const bool unfit = known != nullptr && sized && !cryptoki::fits(known->kind, size, word_size_);
  if (unfit || is_template != (a.form == item_form::template_)) secret = redaction_class::key;
  // Only certificates are recorded of CKA_VALUE.
  const bool certificate = secret == redaction_class::value && a.form == item_form::bytes;
  if (certificate) secret = redaction_class::open;
  auto how = cryptoki::treat(profile_, secret);
  if (secret == redaction_class::open && known != nullptr && cryptoki::is_scalar(known->kind)) how = treatment::whole;
  if (secret == redaction_class::identity && cryptoki::holds_pin(text_of(a.payload))) how = treatment::length;

  if (a.form == item_form::template_ && is_template && depth <= deepest) {
    for (const auto& inner : tape::sequence<tape::attribute_view>(a.payload)) attribute(out, inner, depth + 1);
  } else if (a.form == item_form::sum || (a.form != item_form::none && how == treatment::whole)) {
    put(out, a.payload.data(), a.payload.size());
  } else if (certificate && !a.has(tape::item_cut)) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(a.payload.data()), a.payload.size(), digest);
    h.form = static_cast<u8>(item_form::sum);
    put(out, digest, sizeof digest);
  } else {
    if (a.form != item_form::none) h.flags |= tape::item_withheld;
    h.form = static_cast<u8>(item_form::none);
  }
  const bool secret_length = how == treatment::rounded_length || (secret == redaction_class::value && profile_ == 1);
  const bool has_length = a.length != 0 && a.length < u64{1} << 62;
  if (secret_length && has_length && h.form == static_cast<u8>(item_form::none) && (h.flags & tape::item_null) == 0) {
    h.length = tape::le(std::bit_ceil(a.length));
    h.flags |= tape::item_length_rounded;
  }
  h.size = tape::le(static_cast<u32>(out.size() - start));
  std::memcpy(out.data() + at, &h, sizeof h);
  pad(out);
  return true;
}

}  // namespace p11tape::scrub
