// SPDX-License-Identifier: Apache-2.0
// The one walk over a call: rows on one side, the tape's bytes on the other, a consumer to tell it to.
#include <string>

#include "cryptoki/tables.hpp"
#include "render/value.hpp"
#include "render/visitor.hpp"
#include "render/words.hpp"

namespace p11tape::render {
namespace {

using cryptoki::field;
using cryptoki::flow;
using cryptoki::shape;
using tape::byte_view;
using tape::fields_view;
using tape::item_form;
using tape::item_view;

constexpr unsigned deepest = 8;

// Values and groups of one call. A recorder's largest call has some thousand; a forged record must not become a hundred
// times its size in words.
constexpr unsigned most_values = 20'000;

label label_of(const field& f) noexcept { return {f.name, f.type, f.meaning}; }

// CK_CHAR and CK_UTF8CHAR are text, CK_BYTE is not.
bool is_text(const field& f) noexcept { return f.type.find("CHAR") != std::string_view::npos; }

std::uint32_t marks_of(const item_view& i) noexcept {
  std::uint32_t marks = 0;
  if (i.has(tape::item_unreadable)) marks |= mark_unreadable;
  if (i.has(tape::item_cut)) marks |= mark_cut;
  if (i.has(tape::item_withheld)) marks |= mark_withheld;
  if (i.has(tape::item_length_rounded)) marks |= mark_length_rounded;
  if (i.has(tape::item_unchanged)) marks |= i.is_unproven() ? mark_unproven : mark_unchanged;
  return marks;
}

class walker {
 public:
  walker(const call_view& call, visitor& to, decode::attribute_decoder decoder)
      : call_(call), to_(to), decoder_(decoder) {}

  void run() {
    to_.begin(call_);
    if (const auto* f = call_.function()) {
      const fields_view arguments(f->arguments, call_.has_arguments() ? call_.enter : byte_view{});
      if (call_.has_arguments()) {
        to_.section(way::in);
        tell_fields(arguments);
      }
      if (call_.has_result()) {
        outputs_ = tape::result_view(call_.leave);
        to_.section(way::out);
        out_ = true;
        tell_outputs(arguments);
      }
    }
    to_.end(call_);
  }

 private:
  // Where the words end, so does the rest of the row: a field needs bytes.
  void tell_fields(const fields_view& fields) {
    for (std::size_t i = 0; i < fields.size() && has_budget(); ++i) {
      tell_field(fields, i);
      if (!fields.has_word(i)) break;
    }
    if (!fields.items().intact()) tell_damage("");
  }

  // False once the call has had its share. That is said once.
  bool has_budget() {
    if (budget_ == 0) return false;
    if (--budget_ == 0) tell_damage("");
    return budget_ != 0;
  }

  void tell_outputs(const fields_view& arguments) {
    for (const auto& item : outputs_.items()) {
      if (!has_budget()) break;
      if (item.field < arguments.size()) {
        tell_item(arguments, item.field, item);
      } else {
        tell_damage("");
      }
    }
    if (!outputs_.items().intact()) tell_damage("");
  }

  void tell_damage(std::string_view name) {
    value v;
    v.marks = mark_damaged;
    to_.leaf({name, {}, "plain"}, v);
  }

  // One argument or one field of a struct.
  void tell_field(const fields_view& fields, std::size_t i) {
    const auto& f = fields.row()[i];
    if (!fields.has_word(i)) return tell_damage(f.name);
    item_view item;
    const bool has_item = fields.find(i, item);
    if (cryptoki::is_pointer(f.kind)) {
      tell_pointer(fields, i, has_item ? &item : nullptr);
    } else if (has_item) {
      tell_item(fields, i, item);
    } else if (f.kind == shape::record || f.fixed != 0) {
      value v;
      v.marks = mark_withheld;
      if (f.kind == shape::byte) set_length(v, f.fixed);
      to_.leaf(label_of(f), v);
    } else {
      tell_number(fields, i);
    }
  }

  // Where the length of what a number counts is withheld, the number is no number.
  void tell_number(const fields_view& fields, std::size_t i) {
    const auto& f = fields.row()[i];
    std::uint32_t marks = 0;
    for (std::size_t j = 0; j < fields.size(); ++j) {
      if (fields.row()[j].count != static_cast<int>(i)) continue;
      if (fields.word(j) & tape::pointer_length_withheld) marks |= mark_withheld;
      if (fields.word(j) & tape::pointer_length_rounded) marks |= mark_length_rounded;
    }
    if (!(marks & mark_withheld)) return render_number(label_of(f), fields.word(i), call_.word_size, marks, to_);
    value v;
    v.marks = marks;
    to_.leaf(label_of(f), v);
  }

  void tell_pointer(const fields_view& fields, std::size_t i, const item_view* item) {
    const auto& f = fields.row()[i];
    const auto bits = fields.word(i);
    value v;
    if ((bits & tape::pointer_unknown) && item == nullptr) {
      v.marks = mark_unknown;
      return to_.leaf(label_of(f), v);
    }
    v.kind = value_kind::pointer;
    if (!(bits & tape::pointer_given)) {
      v.marks = mark_null;
      if (asks_for_length(fields, i)) v.marks |= mark_asks_length;
      return to_.leaf(label_of(f), v);
    }
    if (!is_followed(f)) return to_.leaf(label_of(f), v);
    if (bits & tape::pointer_bad) v.marks |= mark_bad;
    if (bits & tape::pointer_withheld) v.marks |= mark_withheld;
    if (bits & tape::pointer_length_withheld) v.marks |= mark_length_withheld;
    if (bits & tape::pointer_length_rounded) v.marks |= mark_length_rounded;
    if (item) return tell_item(fields, i, *item, v.marks);
    if (counts_bytes(f) && !(v.marks & mark_length_withheld)) v.has_length = count_of(fields, i, v.length);
    if (v.marks & (mark_bad | mark_withheld)) {
      v.kind = value_kind::nothing;
    } else if (f.way == flow::out) {
      v.marks |= mark_room | mark_routine;
    } else {
      v.kind = value_kind::nothing;
      v.marks |= mark_missing;
    }
    to_.leaf(label_of(f), v);
  }

  // The recorder never follows these: that they were given is all there is to know.
  static bool is_followed(const field& f) noexcept {
    return f.secret != cryptoki::redaction_class::opaque && f.kind != shape::callback && !f.broken;
  }

  static bool counts_bytes(const field& f) noexcept { return f.kind == shape::bytes || f.kind == shape::address; }

  static bool asks_for_length(const fields_view& fields, std::size_t i) noexcept {
    const auto& f = fields.row()[i];
    return f.way == flow::out && f.count >= 0 && f.capped_by.empty() &&
           fields.row()[static_cast<std::size_t>(f.count)].kind == shape::numbers;
  }

  // How many elements a pointer points at, as its counting field says: after the call where we tell outputs.
  bool count_of(const fields_view& fields, std::size_t i, std::uint64_t& count) const noexcept {
    const auto& f = fields.row()[i];
    count = f.fixed;
    if (f.fixed != 0) return true;
    if (f.count < 0 || static_cast<std::size_t>(f.count) >= fields.size()) return false;
    const auto counter = static_cast<std::size_t>(f.count);
    if (fields.row()[counter].kind == shape::numbers) {
      item_view item;
      if (!(out_ && depth_ == 0 && outputs_.find(counter, item)) && !fields.find(counter, item)) return false;
      if (item.payload.size() < 8) return false;
      count = item.number();
    } else if (fields.has_word(counter)) {
      item_view item;
      if (fields.find(counter, item) && item.has(tape::item_unknown)) return false;
      count = fields.word(counter);
    } else {
      return false;
    }
    if (is_unavailable(count, call_.word_size)) return false;
    if (f.counts_bits) count = count / 8 + (count % 8 != 0);
    return true;
  }

  void tell_item(const fields_view& fields, std::size_t i, const item_view& item, std::uint32_t more_marks = 0) {
    const auto& f = fields.row()[i];
    const auto which = label_of(f);
    value v;
    v.marks = marks_of(item) | more_marks;
    if (item.form == item_form::none && item.has(tape::item_unknown)) {
      v.marks = mark_unknown;
      return to_.leaf(which, v);
    }
    switch (item.form) {
      case item_form::bytes:
        return tell_bytes(fields, i, item, v);
      case item_form::number:
        return render_number(which, item.number(), call_.word_size, v.marks, to_);
      case item_form::numbers:
        return tell_numbers(f, item, v.marks);
      case item_form::record:
        if (tape::nested_view n; tape::nested_view::parse(item.payload, n)) return tell_struct(which, n, v.marks);
        break;
      case item_form::records:
        return tell_structs(f, item, v.marks);
      case item_form::template_:
        return tell_template(f, item, v.marks);
      case item_form::mechanism:
        return tell_mechanism(f, item, v.marks);
      case item_form::pin:
        v.kind = value_kind::pin;
        v.marks |= mark_withheld;
        v.has_length = tape::parse_pin(item.payload, v.pin);
        v.length = v.pin.length;
        return to_.leaf(which, v);
      case item_form::sum:
        v.kind = value_kind::sum;
        v.bytes = item.payload;
        v.has_length = count_of(fields, i, v.length);
        return to_.leaf(which, v);
      case item_form::text:
        v.kind = value_kind::text;
        v.bytes = item.payload;
        if (!(v.marks & mark_cut)) set_length(v, item.payload.size());
        return to_.leaf(which, v);
      case item_form::none:
        v.kind = value_kind::nothing;
        return to_.leaf(which, v);
      default:
        break;
    }
    v.kind = value_kind::bytes;  // damaged, or of a newer version: as it is
    v.bytes = item.payload;
    set_length(v, item.payload.size());
    to_.leaf(which, v);
  }

  static void set_length(value& v, std::uint64_t length) noexcept {
    v.length = length;
    v.has_length = true;
  }

  void tell_bytes(const fields_view& fields, std::size_t i, const item_view& item, value v) {
    const auto& f = fields.row()[i];
    constexpr std::uint32_t not_whole = mark_unreadable | mark_withheld | mark_cut;
    if (!(v.marks & not_whole)) {
      set_length(v, item.payload.size());
    } else if (!(v.marks & mark_length_withheld)) {
      v.has_length = count_of(fields, i, v.length);
    }
    if (v.marks & (mark_unreadable | mark_withheld)) return to_.leaf(label_of(f), v);
    v.bytes = item.payload;
    v.kind = is_text(f) ? value_kind::text : value_kind::bytes;
    if (is_text(f) && f.fixed != 0) v.padded_with = padding_of(v.bytes, v.padding);
    to_.leaf(label_of(f), v);
  }

  void tell_numbers(const field& f, const item_view& item, std::uint32_t marks) {
    const bool single = f.count < 0 && f.fixed == 0 && item.numbers() == 1;
    if (single) return render_number(label_of(f), item.number(), call_.word_size, marks, to_);
    group g;
    g.kind = group_kind::numbers;
    g.count = item.numbers();
    g.marks = marks;
    to_.open(label_of(f), g);
    for (std::size_t n = 0; n < item.numbers() && has_budget(); ++n)
      render_number({{}, {}, f.meaning}, item.number(n), call_.word_size, 0, to_);
    to_.close();
  }

  void tell_struct(const label& which, const tape::nested_view& n, std::uint32_t marks) {
    const auto* row = call_.rows->structure(n.record);
    if (row == nullptr || depth_ >= deepest) {
      value v;
      v.kind = value_kind::bytes;
      v.bytes = n.body;
      v.marks = marks;
      if (row == nullptr) v.marks |= mark_damaged;
      set_length(v, n.body.size());
      return to_.leaf(which, v);
    }
    const fields_view fields(row->fields, n.body);
    if (row->name == "CK_VERSION" && fields.size() == 2) {
      value v;
      v.kind = value_kind::version;
      v.marks = marks;
      v.number = (fields.word(0) & 0xff) * 256 + (fields.word(1) & 0xff);
      return to_.leaf(which, v);
    }
    group g;
    g.kind = group_kind::record;
    g.type = row->name;
    g.count = fields.size();
    g.marks = marks;
    ++depth_;
    to_.open(which, g);
    tell_fields(fields);
    to_.close();
    --depth_;
  }

  void tell_structs(const field& f, const item_view& item, std::uint32_t marks) {
    const tape::sequence<tape::nested_view> all(item.payload);
    group g;
    g.kind = group_kind::records;
    g.count = all.size();
    g.marks = marks | (all.intact() ? 0u : std::uint32_t{mark_damaged});
    to_.open(label_of(f), g);
    for (const auto& n : all) {
      if (!has_budget()) break;
      tell_struct({{}, {}, f.meaning}, n, 0);
    }
    to_.close();
  }

  void tell_template(const field& f, const item_view& item, std::uint32_t marks) {
    attribute_context around;
    around.word_size = call_.word_size;
    around.asking = f.way == flow::out && !out_;
    around.answering = f.way == flow::out && out_;
    around.decoder = decoder_;
    render_template(around, label_of(f), item.payload, marks, to_);
  }

  void tell_mechanism(const field& f, const item_view& item, std::uint32_t marks) {
    tape::mechanism_view m;
    if (!tape::mechanism_view::parse(item.payload, m)) return tell_damage(f.name);
    const auto parameter_marks = marks & (mark_withheld | mark_unreadable);
    const bool has_news = !out_ || m.has_parameter || parameter_marks != 0;
    const auto name = cryptoki::display_name("mechanism", m.type);
    group g;
    g.kind = group_kind::mechanism;
    g.number = m.type;
    g.name = name;
    g.length = m.parameter_length;
    g.marks = marks & ~parameter_marks;
    if (!has_news) g.marks |= mark_routine;
    to_.open(label_of(f), g);
    if (m.has_parameter) {
      tell_parameter(m);
    } else if (has_news && m.parameter_length != 0) {
      value v;
      v.marks = parameter_marks != 0 ? parameter_marks : std::uint32_t{mark_null};
      set_length(v, m.parameter_length);
      to_.leaf(parameter_label, v);
    }
    to_.close();
  }

  void tell_parameter(const tape::mechanism_view& m) {
    const auto& p = m.parameter;
    value v;
    v.marks = marks_of(p);
    if (p.form == item_form::none && p.has(tape::item_unknown)) v.marks |= mark_unknown;
    if (p.form == item_form::number) return render_number(parameter_label, p.number(), call_.word_size, v.marks, to_);
    if (p.form == item_form::record)
      if (tape::nested_view n; tape::nested_view::parse(p.payload, n)) return tell_struct(parameter_label, n, v.marks);
    if (!(v.marks & (mark_unreadable | mark_withheld | mark_unknown))) {
      v.kind = value_kind::bytes;
      v.bytes = p.payload;
    }
    if (m.parameter_length != 0 || !(v.marks & mark_unknown)) set_length(v, m.parameter_length);
    to_.leaf(parameter_label, v);
  }

  static constexpr label parameter_label{"pParameter", "CK_VOID_PTR", "plain"};

  const call_view& call_;
  visitor& to_;
  decode::attribute_decoder decoder_;
  tape::result_view outputs_;
  bool out_ = false;
  unsigned depth_ = 0;
  unsigned budget_ = most_values;
};

}  // namespace

void walk(const call_view& call, visitor& to, decode::attribute_decoder decoder) { walker(call, to, decoder).run(); }

}  // namespace p11tape::render
