// SPDX-License-Identifier: Apache-2.0
#include "render/value.hpp"

#include <algorithm>
#include <string>

#include "cryptoki/tables.hpp"
#include "render/words.hpp"

namespace p11tape::render {
namespace {

using cryptoki::form;
using tape::item_form;

constexpr unsigned deepest = 4;

std::string attribute_name(std::uint64_t type) {
  auto name = cryptoki::display_name("attribute", type);
  if (name.empty()) append_hexadecimal(type, name);
  return name;
}

// A number as it lay in the memory of the recorded process.
std::uint64_t number_in(tape::byte_view bytes, unsigned size) noexcept {
  return size == 4 ? tape::load<tape::u32>(bytes, 0) : tape::load<tape::u64>(bytes, 0);
}

// CKA_PARAMETER_SET has a group of constants for each key type: CKK_ML_DSA has ml_dsa_set.
std::string group_by_key_type(std::uint64_t key_type) {
  std::string group(cryptoki::name_of("key_type", key_type));
  if (!group.starts_with("CKK_")) return "plain";
  group.erase(0, 4);
  for (auto& c : group)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return group + "_set";
}

std::uint32_t marks_of(const tape::attribute_view& a) noexcept {
  std::uint32_t marks = 0;
  if (a.has(tape::item_unreadable)) marks |= mark_unreadable;
  if (a.has(tape::item_cut)) marks |= mark_cut;
  if (a.has(tape::item_withheld)) marks |= mark_withheld;
  if (a.has(tape::item_null)) marks |= mark_null;
  if (a.has(tape::item_length_rounded)) marks |= mark_length_rounded;
  if (a.has(tape::item_unchanged)) marks |= a.is_unproven() ? mark_unproven : mark_unchanged;
  return marks;
}

void render_numbers(const label& which, std::uint64_t count, std::uint32_t marks, auto number_at, unsigned word_size,
                    visitor& to) {
  group g;
  g.kind = group_kind::numbers;
  g.count = count;
  g.marks = marks;
  to.open(which, g);
  label element{{}, {}, which.meaning};
  for (std::uint64_t i = 0; i < count; ++i) render_number(element, number_at(i), word_size, 0, to);
  to.close();
}

// Bytes that are no number: as the row's form says, as far as that needs no decoder.
void render_bytes(const attribute_context& around, const tape::attribute_view& a, const label& which, form kind,
                  value v, visitor& to) {
  v.kind = kind == form::text || kind == form::date ? value_kind::text : value_kind::bytes;
  v.bytes = a.payload;
  decode::meaning said;
  if (around.decoder && kind != form::text && !(v.marks & mark_cut)) {
    said = around.decoder(a.type, as_decode(a.payload));
    if (!said.trouble.empty()) {
      v.kind = value_kind::bytes;
      v.meaning = &said;
    } else if (!said.text.empty()) {
      v.kind = value_kind::decoded;
      v.meaning = &said;
    }
  }
  to.leaf(which, v);
}

// A value of which the tape has the bytes. False where they do not fit the form.
bool render_typed(const attribute_context& around, const tape::attribute_view& a, const label& which, form kind,
                  const value& v, visitor& to) {
  const auto size = a.payload.size();
  switch (kind) {
    case form::flag:
      if (size != 1) return false;
      render_number(which, tape::load<tape::u8>(a.payload, 0), around.word_size, v.marks, to);
      return true;
    case form::number:
      if (size != around.word_size) return false;
      render_number(which, number_in(a.payload, around.word_size), around.word_size, v.marks, to);
      return true;
    case form::numbers:
    case form::mechanisms:
      if (size % around.word_size != 0) return false;
      render_numbers(
          which, size / around.word_size, v.marks,
          [&](std::uint64_t i) { return number_in(a.payload.subspan(i * around.word_size), around.word_size); },
          around.word_size, to);
      return true;
    case form::version: {
      if (size != 2) return false;
      value version = v;
      version.kind = value_kind::version;
      version.number = tape::load<tape::u8>(a.payload, 0) * 256u + tape::load<tape::u8>(a.payload, 1);
      to.leaf(which, version);
      return true;
    }
    case form::template_:
      return false;
    default:
      render_bytes(around, a, which, kind, v, to);
      return true;
  }
}

}  // namespace

bool is_unavailable(std::uint64_t number, unsigned word_size) noexcept {
  return number == ~std::uint64_t{0} || (word_size == 4 && number == 0xffffffff);
}

void render_number(const label& which, std::uint64_t number, unsigned word_size, std::uint32_t marks, visitor& to) {
  value v;
  v.kind = value_kind::number;
  v.number = number;
  v.marks = marks;
  std::string_view name;
  std::string made;  // a name that is in no table
  const auto look_up = [&] {
    name = cryptoki::name_of(which.meaning, number);
    if (!name.empty()) return;
    made = cryptoki::display_name(which.meaning, number);
    name = made;
  };
  if (which.meaning == "boolean") {
    v.kind = value_kind::boolean;
    look_up();
  } else if (which.meaning == "session" || which.meaning == "object" || which.meaning == "slot") {
    v.kind = value_kind::handle;
    if (number == 0 && which.meaning != "slot") name = "CK_INVALID_HANDLE";
  } else if (cryptoki::is_flags(which.meaning)) {
    v.kind = value_kind::flags;
  } else if (which.meaning != "plain" && !which.meaning.empty()) {
    look_up();
  }
  if (name.empty() && v.kind != value_kind::boolean && is_unavailable(number, word_size)) {
    v.kind = value_kind::number;
    name = cryptoki::name_of("special", ~std::uint64_t{0});
  }
  v.name = name;
  to.leaf(which, v);
}

void render_attribute_value(const attribute_context& around, const tape::attribute_view& a, visitor& to) {
  const auto* row = cryptoki::find_attribute(a.type);
  const auto name = attribute_name(a.type);
  std::string meaning(row ? row->meaning : "plain");
  if (meaning == "by_key_type") meaning = group_by_key_type(around.key_type);
  if (row && row->kind == form::flag) meaning = "boolean";
  if (row && row->kind == form::mechanisms) meaning = "mechanism";
  const label which{name, {}, meaning, true, a.type};

  value v;
  v.marks = marks_of(a);
  if (is_unavailable(a.length, around.word_size)) {
    v.marks |= mark_unavailable;
    return to.leaf(which, v);
  }
  v.length = a.length;
  v.has_length = !((v.marks & mark_unproven) && (v.marks & mark_null));

  const auto kind = row ? row->kind : form::bytes;
  switch (a.form) {
    case item_form::none:
      if (around.asking && !(v.marks & mark_withheld))
        v.marks |= (v.marks & mark_null) ? std::uint32_t{mark_asks_length} : std::uint32_t{mark_room};
      if (around.answering && (v.marks & mark_null) && !(v.marks & mark_unproven)) v.marks = mark_needs;
      if (a.has(tape::item_unknown) && !(v.marks & mark_room)) {
        v.marks |= mark_unknown;
        v.has_length = v.length != 0;
        return to.leaf(which, v);
      }
      if (a.has(tape::item_unknown)) v.has_length = v.length != 0;
      if (v.marks == 0 && v.length != 0) v.marks = mark_missing;
      if (v.marks == 0) v.kind = kind == form::text ? value_kind::text : value_kind::bytes;
      return to.leaf(which, v);
    case item_form::bytes:
      if (!render_typed(around, a, which, kind, v, to)) {
        v.kind = value_kind::bytes;
        v.bytes = a.payload;
        if (!(v.marks & mark_cut)) v.marks |= mark_wrong_size;
        to.leaf(which, v);
      }
      return;
    case item_form::number:
      return render_number(which, a.number(), around.word_size, v.marks, to);
    case item_form::numbers:
      return render_numbers(
          which, a.payload.size() / 8, v.marks,
          [&](std::uint64_t i) { return tape::load<tape::u64>(a.payload, 8 * i); }, around.word_size, to);
    case item_form::template_:
      if (around.depth >= deepest) break;
      return render_template(around, which, a.payload, v.marks, to);
    case item_form::sum:
      v.kind = value_kind::sum;
      v.bytes = a.payload;
      return to.leaf(which, v);
    default:
      break;
  }
  v.kind = value_kind::bytes;  // nested too deep, or of a newer version
  v.bytes = a.payload;
  to.leaf(which, v);
}

void render_template(attribute_context around, const label& which, tape::byte_view payload, std::uint32_t marks,
                     visitor& to) {
  const tape::sequence<tape::attribute_view> attributes(payload);
  group g;
  g.kind = group_kind::attributes;
  g.marks = marks;
  if (!attributes.intact()) g.marks |= mark_damaged;
  for (const auto& a : attributes) {
    ++g.count;
    const auto* row = cryptoki::find_attribute(a.type);
    if (row && row->meaning == "key_type" && a.payload.size() >= around.word_size)
      around.key_type = number_in(a.payload, around.word_size);
  }
  ++around.depth;
  to.open(which, g);
  for (const auto& a : attributes) render_attribute_value(around, a, to);
  to.close();
}

}  // namespace p11tape::render
