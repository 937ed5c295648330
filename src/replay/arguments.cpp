// SPDX-License-Identifier: Apache-2.0
#include "replay/arguments.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "cryptoki/call.hpp"
#include "model/same_rows.hpp"
#include "replay/callbacks.hpp"

namespace p11tape::replay {
namespace {

using cryptoki::field;
using cryptoki::flow;
using cryptoki::redaction_class;
using cryptoki::shape;
using tape::attribute_view;
using tape::byte_view;
using tape::fields_view;
using tape::item_form;
using tape::item_view;
using tape::u64;

constexpr unsigned deepest = 8;
constexpr u64 unavailable = CK_UNAVAILABLE_INFORMATION;
static_assert(std::ranges::all_of(cryptoki::functions,
                                  [](const auto& f) { return f.arguments.size() <= most_arguments; }));
// No PIN of anybody's, it is to be hoped, and no token's default.
constexpr std::string_view wrong_pin = "7391468250";

bool is_input(flow w) noexcept { return w == flow::in || w == flow::inout; }

// Payload that may be made up: what is done with it can be compared in length, if not in bytes.
bool may_be_made_up(redaction_class s) noexcept {
  return s == redaction_class::data || s == redaction_class::plain || s == redaction_class::random;
}

class builder {
 public:
  builder(const tape::schema& rows, std::string_view pin, translator& handles, arena& memory, argument_list& out)
      : rows_(rows), pin_(pin), handles_(handles), memory_(memory), out_(out) {}

  // Where the values of a row's fields go: the words of a call, or the fields of a struct in memory.
  struct target {
    std::span<const cryptoki::place> places;  // empty: words
    std::byte* base;
  };

  skip_reason fill(const fields_view& from, const target& to, unsigned depth) {
    if (depth > deepest) return {reason::too_large, model::none, "structs in structs"};
    for (std::size_t i = 0; i < from.size(); ++i)
      if (auto r = fill_field(from, to, i, depth)) return r;
    return {};
  }

 private:
  static skip_reason trouble(reason what, const field& f) { return {what, model::none, std::string(f.name)}; }

  void put(const target& to, std::size_t i, u64 value) const {
    if (to.places.empty()) {
      std::memcpy(to.base + 8 * i, &value, 8);
    } else {  // little-endian hosts and others: through a value of the field's own width
      const auto& p = to.places[i];
      if (p.size == 1) {
        const auto narrow = static_cast<CK_BYTE>(value);
        std::memcpy(to.base + p.offset, &narrow, 1);
      } else if (p.size == sizeof(CK_ULONG)) {
        const auto wide = static_cast<CK_ULONG>(value);
        std::memcpy(to.base + p.offset, &wide, sizeof wide);
      }
    }
  }

  skip_reason fill_field(const fields_view& from, const target& to, std::size_t i, unsigned depth) {
    const auto& f = from.row()[i];
    if (!from.has_word(i)) return trouble(reason::no_arguments, f);
    item_view item;
    const bool has_item = from.find(i, item);
    if (cryptoki::is_pointer(f.kind)) {
      u64 pointer = 0;
      if (from.given(i))
        if (auto r = fill_pointer(from, to, i, has_item ? &item : nullptr, depth, pointer)) return r;
      put(to, i, pointer);
      return {};
    }
    if (f.kind == shape::record || f.fixed != 0) return fill_embedded(f, to, i, has_item ? &item : nullptr, depth);
    auto value = from.word(i);
    if (f.kind == shape::number && (f.meaning == "session" || f.meaning == "object" || f.meaning == "slot"))
      value = handles_.translate(f.meaning, value);
    // A count that was set with what it counts stays.
    if (std::find(counted_.begin(), counted_.end(), counter{to.base, i}) == counted_.end()) put(to, i, value);
    return {};
  }

  // An array or struct by value.
  skip_reason fill_embedded(const field& f, const target& to, std::size_t i, const item_view* item, unsigned depth) {
    if (item == nullptr || to.places.empty()) return trouble(reason::withheld, f);
    const auto& p = to.places[i];
    if (f.kind == shape::record) {
      const auto known = item->form == item_form::record ? parse(item->payload) : std::nullopt;
      if (!known || known->row->size != p.size) return trouble(reason::not_described, f);
      return fill(fields_view(known->row->fields, known->body), {known->row->places, to.base + p.offset}, depth + 1);
    }
    if (item->form == item_form::numbers) {
      for (std::size_t k = 0; k < item->numbers() && (k + 1) * sizeof(CK_ULONG) <= p.size; ++k) {
        const auto value = static_cast<CK_ULONG>(item->number(k));
        std::memcpy(to.base + p.offset + k * sizeof value, &value, sizeof value);
      }
    } else if (!item->payload.empty()) {
      std::memcpy(to.base + p.offset, item->payload.data(), std::min<std::size_t>(p.size, item->payload.size()));
    }
    return {};
  }

  // A struct of the tape with this program's row of it.
  struct known_struct {
    byte_view body;
    const cryptoki::record_row* row;
  };

  // Nothing where tape and program describe it differently.
  std::optional<known_struct> parse(byte_view payload) const {
    tape::nested_view n;
    if (!tape::nested_view::parse(payload, n)) return std::nullopt;
    const auto* const row = row_of(n);
    return row != nullptr ? std::optional(known_struct{n.body, row}) : std::nullopt;
  }
  const cryptoki::record_row* row_of(const tape::nested_view& n) const {
    const auto* on_tape = rows_.structure(n.record);
    if (on_tape == nullptr) return nullptr;
    const auto number = model::same_struct(*on_tape);
    return number != cryptoki::record_count ? &cryptoki::records[number] : nullptr;
  }

  // Of a field that nothing counts.
  static u64 fixed_count(const field& f) noexcept { return f.fixed != 0 ? f.fixed : 1; }

  // How many elements the caller had room for, or passed; nothing where the tape does not tell.
  static std::optional<u64> count_of(const fields_view& from, const field& f) {
    const auto index = f.cap >= 0 ? f.cap : f.count;
    if (index < 0) return fixed_count(f);
    const auto counter = static_cast<std::size_t>(index);
    u64 count = 0;
    if (from.row()[counter].kind == shape::numbers) {
      item_view item;
      if (!from.find(counter, item) || item.payload.size() < 8) return std::nullopt;
      count = item.number();
    } else {
      count = from.word(counter);
    }
    return f.counts_bits ? count / 8 + (count % 8 != 0) : count;
  }

  // What is passed in is as long as what there is of it: a count that says otherwise would have the module read on.
  void set_count(const target& to, const field& f, u64 count) {
    if (f.count < 0 || f.counts_bits) return;
    put(to, static_cast<std::size_t>(f.count), count);
    counted_.push_back({to.base, static_cast<std::size_t>(f.count)});
  }

  skip_reason fill_pointer(const fields_view& from, const target& to, std::size_t i, const item_view* item,
                           unsigned depth, u64& pointer) {
    const auto& f = from.row()[i];
    const auto bits = from.word(i);
    if (f.kind == shape::callback) {
      pointer = callback_for(f.type);
      return {};
    }
    if (bits & tape::pointer_bad || (item != nullptr && item->has(tape::item_unreadable)))
      return trouble(reason::unreadable, f);
    switch (f.kind) {
      case shape::bytes:
        return fill_bytes(from, to, i, item, depth, pointer);
      case shape::numbers:
        return fill_numbers(from, f, item, pointer);
      case shape::records:
        return fill_records(from, f, item, depth, pointer);
      case shape::attributes: {
        if (item == nullptr || item->form != item_form::template_) return trouble(reason::withheld, f);
        u64 count = 0;
        if (auto r = fill_template(item->payload, f.way == flow::out, depth, pointer, count)) return r;
        set_count(to, f, count);
        return {};
      }
      case shape::mechanism:
        return fill_mechanism(f, item, depth, pointer);
      case shape::function_list:
      case shape::interface:
        return give(sizeof(void*), f, pointer);
      case shape::address:
        return fill_address(from, to, i, item, depth, pointer);
      default:
        return trouble(reason::not_described, f);
    }
  }

  skip_reason give(u64 size, const field& f, u64& pointer) {
    auto* room = memory_.take(size);
    pointer = cryptoki::to_word(room);
    return room != nullptr ? skip_reason{} : trouble(reason::too_large, f);
  }

  skip_reason copy(byte_view bytes, u64 room, const field& f, u64& pointer) {
    if (auto r = give(std::max<u64>(room, bytes.size()), f, pointer)) return r;
    if (!bytes.empty()) std::memcpy(cryptoki::from_word<std::byte*>(pointer), bytes.data(), bytes.size());
    return {};
  }

  skip_reason fill_bytes(const fields_view& from, const target& to, std::size_t i, const item_view* item,
                         unsigned depth, u64& pointer) {
    const auto& f = from.row()[i];
    if (f.secret == redaction_class::pin) return fill_pin(from, to, f, item, pointer);
    if (f.terminated) {
      if (item == nullptr || item->form != item_form::text) return trouble(reason::withheld, f);
      return copy(item->payload, item->payload.size() + 1, f, pointer);
    }
    const auto told = count_of(from, f);
    const bool known = told.has_value();
    const u64 count = told.value_or(fixed_count(f));
    // A tag or an IV that the module makes is an output of this call: the tape has nothing, and withholds nothing.
    const bool is_made = f.way == flow::inout && item == nullptr && !(from.word(i) & tape::pointer_withheld);
    if (!is_input(f.way) || is_made) {
      // A buffer whose capacity is not told, because the length pointer was NULL or bad, is never written to.
      return give(known ? count : 0, f, pointer);
    }
    const bool whole = item != nullptr && item->form == item_form::bytes && !item->has(tape::item_cut);
    if (whole) {
      const auto room = f.way == flow::inout || f.counts_bits || f.fixed != 0 ? count : item->payload.size();
      if (auto r = copy(item->payload, room, f, pointer)) return r;
      set_count(to, f, f.way == flow::inout ? room : item->payload.size());
      return {};
    }
    const bool length_known = known && !(from.word(i) & tape::pointer_length_withheld);
    if (length_known && count == 0) return give(0, f, pointer);
    if (!length_known || depth != 0 || !may_be_made_up(f.secret)) return trouble(reason::withheld, f);
    if (auto r = give(count, f, pointer)) return r;
    make_up(cryptoki::from_word<std::byte*>(pointer), count, item);
    set_count(to, f, count);
    out_.synthesised = true;
    return {};
  }

  // The first byte is zero: as a number it is smaller than any modulus, which raw RSA asks of it.
  static void make_up(std::byte* at, u64 size, const item_view* beginning) {
    if (size > 1) std::memset(at + 1, 0x5a, size - 1);
    if (beginning != nullptr && beginning->form == item_form::bytes && !beginning->payload.empty())
      std::memcpy(at, beginning->payload.data(), std::min<std::size_t>(size, beginning->payload.size()));
  }

  skip_reason fill_pin(const fields_view& from, const target& to, const field& f, const item_view* item, u64& pointer) {
    tape::pin_facts facts{};
    const bool known = item != nullptr && item->form == item_form::pin && tape::parse_pin(item->payload, facts);
    if (known && facts.length == 0) return give(0, f, pointer);
    u64 size = pin_.size();
    if (pin_.empty()) size = known ? facts.length : 8;
    auto* room = memory_.take_secret(size);
    if (room == nullptr) return trouble(reason::too_large, f);
    for (u64 k = 0; k < size; ++k)
      room[k] = static_cast<std::byte>(pin_.empty() ? wrong_pin[k % wrong_pin.size()] : pin_[k]);
    pointer = cryptoki::to_word(room);
    set_count(to, f, size);
    static_cast<void>(from);
    return {};
  }

  skip_reason fill_numbers(const fields_view& from, const field& f, const item_view* item, u64& pointer) {
    u64 count = 1;
    if (f.count >= 0 || f.cap >= 0) {
      count = count_of(from, f).value_or(0);
      if (count > arena::most / sizeof(CK_ULONG)) return trouble(reason::too_large, f);
    }
    if (auto r = give(count * sizeof(CK_ULONG), f, pointer)) return r;
    if (!is_input(f.way) || item == nullptr) return {};
    auto* out = cryptoki::from_word<CK_ULONG*>(pointer);
    for (std::size_t k = 0; k < count && 8 * k + 8 <= item->payload.size(); ++k)
      out[k] = static_cast<CK_ULONG>(item->number(k));
    return {};
  }

  skip_reason fill_records(const fields_view& from, const field& f, const item_view* item, unsigned depth,
                           u64& pointer) {
    const auto number = cryptoki::record_named(f.meaning);
    if (number == cryptoki::record_count) return trouble(reason::not_described, f);
    const auto& row = cryptoki::records[number];
    const u64 count = count_of(from, f).value_or(0);
    if (count > arena::most / row.size) return trouble(reason::too_large, f);
    // Programs ask about one mechanism after the other with one struct, and there are modules (SoftHSM) that only add
    // flags to those that they find there: so a struct is used again here, too.
    if (f.way == flow::out && depth == 0 && f.count < 0 && f.cap < 0) {
      pointer = cryptoki::to_word(memory_.lasting(static_cast<unsigned>(number), row.size));
      return {};
    }
    if (auto r = give(count * row.size, f, pointer)) return r;
    if (!is_input(f.way)) return {};
    auto* at = cryptoki::from_word<std::byte*>(pointer);
    if (item != nullptr && item->form == item_form::record) {
      const auto known = parse(item->payload);
      if (count == 0 || !known || known->row != &row) return trouble(reason::not_described, f);
      return fill(fields_view(row.fields, known->body), {row.places, at}, depth + 1);
    }
    if (item == nullptr || item->form != item_form::records || item->has(tape::item_cut))
      return count == 0 ? skip_reason{} : trouble(reason::withheld, f);
    u64 done = 0;
    for (const auto& n : tape::sequence<tape::nested_view>(item->payload)) {
      if (done == count) break;
      if (row_of(n) != &row) return trouble(reason::not_described, f);
      if (auto r = fill(fields_view(row.fields, n.body), {row.places, at + done * row.size}, depth + 1)) return r;
      ++done;
    }
    return done == count ? skip_reason{} : trouble(reason::withheld, f);
  }

  skip_reason fill_template(byte_view payload, bool asks, unsigned depth, u64& pointer, u64& count) {
    const tape::sequence<attribute_view> all(payload);
    count = all.size();
    if (depth > deepest) return {reason::too_large, model::none, "templates in templates"};
    auto* at = memory_.take(count * sizeof(CK_ATTRIBUTE));
    if (at == nullptr) return {reason::too_large, model::none, "a template"};
    pointer = cryptoki::to_word(at);
    std::size_t n = 0;
    for (const auto& a : all) {
      CK_ATTRIBUTE out{};
      out.type = static_cast<CK_ATTRIBUTE_TYPE>(a.type);
      out.ulValueLen = static_cast<CK_ULONG>(a.length);
      if (!a.has(tape::item_null))
        if (auto r = asks ? give_room(a, out) : give_value(a, depth, out)) return r;
      std::memcpy(at + n++ * sizeof out, &out, sizeof out);
    }
    return {};
  }

  static std::string name_of(const attribute_view& a) { return cryptoki::display_name("attribute", a.type); }

  skip_reason give_room(const attribute_view& a, CK_ATTRIBUTE& out) {
    const u64 size = a.length == unavailable ? 0 : a.length;
    out.pValue = memory_.take(size);
    out.ulValueLen = static_cast<CK_ULONG>(size);  // never more than there is
    return out.pValue != nullptr ? skip_reason{} : skip_reason{reason::too_large, model::none, name_of(a)};
  }

  skip_reason give_value(const attribute_view& a, unsigned depth, CK_ATTRIBUTE& out) {
    if (a.has(tape::item_unreadable)) return {reason::unreadable, model::none, name_of(a)};
    if (a.form == item_form::template_) {
      u64 nested = 0, count = 0;
      if (auto r = fill_template(a.payload, false, depth + 1, nested, count)) return r;
      out.pValue = cryptoki::from_word<void*>(nested);
      out.ulValueLen = static_cast<CK_ULONG>(count * sizeof(CK_ATTRIBUTE));
      return {};
    }
    const bool has_value = a.form == item_form::bytes || a.form == item_form::number || a.form == item_form::numbers;
    if (!has_value || a.has(tape::item_cut)) {
      if (a.length != 0) return {reason::withheld, model::none, name_of(a)};
      out.pValue = memory_.take(0);
      return {};
    }
    auto* at = memory_.take(a.payload.size());
    if (at == nullptr) return {reason::too_large, model::none, name_of(a)};
    out.pValue = at;
    if (a.form == item_form::bytes) {
      if (!a.payload.empty()) std::memcpy(at, a.payload.data(), a.payload.size());
      out.ulValueLen = static_cast<CK_ULONG>(a.payload.size());
    } else {
      const auto count = a.payload.size() / 8;
      for (std::size_t k = 0; k < count; ++k) {
        const auto value = static_cast<CK_ULONG>(tape::load<u64>(a.payload, 8 * k));
        std::memcpy(at + k * sizeof value, &value, sizeof value);
      }
      out.ulValueLen = static_cast<CK_ULONG>(count * sizeof(CK_ULONG));
    }
    if (a.type == CKA_TOKEN && a.length != 0 && at[0] != std::byte{0}) out_.token_object = true;
    return {};
  }

  skip_reason fill_mechanism(const field& f, const item_view* item, unsigned depth, u64& pointer) {
    tape::mechanism_view m;
    if (item == nullptr || item->form != item_form::mechanism || !tape::mechanism_view::parse(item->payload, m))
      return trouble(reason::no_arguments, f);
    if (item->has(tape::item_withheld)) return trouble(reason::withheld, f);
    if (auto r = give(sizeof(CK_MECHANISM), f, pointer)) return r;
    CK_MECHANISM out{};
    out.mechanism = static_cast<CK_MECHANISM_TYPE>(m.type);
    out.ulParameterLen = static_cast<CK_ULONG>(m.parameter_length);
    if (m.has_parameter) {
      const auto* row = cryptoki::find_mechanism(m.type);
      const bool is_handle = row != nullptr && row->layouts.find("handle") != std::string_view::npos;
      u64 at = 0, size = 0;
      // A struct of another mechanism has numbers where this one's has pointers.
      if (!is_layout_of(row, m.parameter)) return trouble(reason::not_described, f);
      if (auto r = fill_parameter(f, m.parameter, is_handle, depth, at, size)) return r;
      out.pParameter = cryptoki::from_word<void*>(at);
      out.ulParameterLen = static_cast<CK_ULONG>(size);
    }
    std::memcpy(cryptoki::from_word<void*>(pointer), &out, sizeof out);
    return {};
  }

  bool is_layout_of(const cryptoki::mechanism_row* of, const item_view& parameter) const {
    const auto known = parameter.form == item_form::record ? parse(parameter.payload) : std::nullopt;
    if (!known) return true;  // fill_parameter() says
    return of != nullptr && of->layouts.find(known->row->name) != std::string_view::npos;
  }

  // BYTES, NUMBER or RECORD.
  skip_reason fill_parameter(const field& f, const item_view& p, bool is_handle, unsigned depth, u64& at, u64& size) {
    if (p.has(tape::item_cut) || p.has(tape::item_withheld)) return trouble(reason::withheld, f);
    if (p.form == item_form::number) {
      const auto value = static_cast<CK_ULONG>(is_handle ? handles_.translate("object", p.number()) : p.number());
      size = sizeof value;
      if (auto r = give(size, f, at)) return r;
      std::memcpy(cryptoki::from_word<void*>(at), &value, sizeof value);
      return {};
    }
    if (p.form == item_form::record) {
      const auto known = parse(p.payload);
      if (!known) return trouble(reason::not_described, f);
      const auto& row = *known->row;
      size = row.size;
      if (auto r = give(size, f, at)) return r;
      return fill(fields_view(row.fields, known->body), {row.places, cryptoki::from_word<std::byte*>(at)}, depth + 1);
    }
    if (p.form != item_form::bytes) return trouble(reason::withheld, f);
    size = p.payload.size();
    return copy(p.payload, 0, f, at);
  }

  // A CK_VOID_PTR, by what the row says of it.
  skip_reason fill_address(const fields_view& from, const target& to, std::size_t i, const item_view* item,
                           unsigned depth, u64& pointer) {
    const auto& f = from.row()[i];
    if (f.secret == redaction_class::opaque) {
      out_.dropped_pointer |= f.name == "pReserved";
      return {};  // NULL
    }
    if (item == nullptr) {
      const bool empty = f.count >= 0 && count_of(from, f) == u64{0};
      return empty ? give(0, f, pointer) : trouble(reason::withheld, f);
    }
    u64 size = 0;
    const bool is_handle = f.secret == redaction_class::by_prf_type;
    if (auto r = fill_parameter(f, *item, is_handle, depth, pointer, size)) return r;
    set_count(to, f, size);
    return {};
  }

  struct counter {
    const std::byte* base;
    std::size_t field;
    bool operator==(const counter&) const = default;
  };

  const tape::schema& rows_;
  std::string_view pin_;
  translator& handles_;
  arena& memory_;
  argument_list& out_;
  std::vector<counter> counted_;
};

}  // namespace

skip_reason build_arguments(const tape::schema& rows, const tape::fields_view& recorded, std::string_view pin,
                            translator& handles, arena& memory, argument_list& out) {
  memory.clear();
  out = {};
  builder b(rows, pin, handles, memory, out);
  return b.fill(recorded, {{}, reinterpret_cast<std::byte*>(out.words.data())}, 0);
}

}  // namespace p11tape::replay
