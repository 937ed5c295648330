// SPDX-License-Identifier: Apache-2.0
#include "player/match_key.hpp"

#include <algorithm>

namespace p11tape::player {
namespace {

using cryptoki::field;
using cryptoki::flow;
using cryptoki::redaction_class;
using cryptoki::shape;
using tape::byte_view;
using tape::item_form;

void put(std::string& out, u64 n) { out.append(reinterpret_cast<const char*>(&n), sizeof n); }

void put(std::string& out, byte_view bytes) {
  put(out, bytes.size());
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// What is counted by a field, or has it as its capacity: the room for an output is no part of the question.
bool is_room(std::span<const field> row, std::size_t index) {
  if (row[index].kind == shape::numbers && row[index].way != flow::in) return true;
  return std::any_of(row.begin(), row.end(), [&](const field& f) { return f.cap == static_cast<int>(index); });
}

bool counts_random(std::span<const field> row, std::size_t index) {
  return std::any_of(row.begin(), row.end(), [&](const field& f) {
    return f.count == static_cast<int>(index) && f.secret == redaction_class::random;
  });
}

bool is_data(redaction_class s) {
  return s == redaction_class::data || s == redaction_class::plain || s == redaction_class::cipher_in ||
         s == redaction_class::wrapped;
}

// Templates are sets: the order of the attributes means nothing.
void put_template(std::string& out, byte_view payload, bool types_only) {
  std::vector<std::string> all;
  for (const auto& a : tape::sequence<tape::attribute_view>(payload)) {
    auto& one = all.emplace_back();
    put(one, a.type);
    if (types_only) continue;
    put(one, a.length);
    put(one, static_cast<u64>(a.form));
    put(one, a.payload);
  }
  std::sort(all.begin(), all.end());
  for (const auto& one : all) put(out, std::as_bytes(std::span(one)));
}

void put_item(std::string& out, const tape::item_view& item, closeness how) {
  put(out, static_cast<u64>(item.form));
  if (item.form == item_form::template_) return put_template(out, item.payload, false);
  if (item.form == item_form::pin) {
    tape::pin_facts facts{};
    if (tape::parse_pin(item.payload, facts)) put(out, facts.length), put(out, facts.anomalies);
    return;
  }
  tape::mechanism_view m;
  if (item.form == item_form::mechanism && how == closeness::loose && tape::mechanism_view::parse(item.payload, m))
    return put(out, m.type);
  put(out, item.payload);
}

}  // namespace

std::string key_of(cryptoki::function f, const tape::fields_view& inputs, closeness how, model::slot_id slot,
                   const object_of& objects) {
  std::string out;
  put(out, static_cast<u64>(f));
  put(out, slot.value());
  const auto row = inputs.row();
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto& at = row[i];
    const u64 word = inputs.word(i);
    tape::item_view item;
    const bool has_item = inputs.find(i, item);
    put(out, i);
    if (at.kind == shape::number || at.kind == shape::byte) {
      if (at.meaning == "session" || is_room(row, i)) continue;
      if (how == closeness::loose && counts_random(row, i)) continue;
      const auto object = at.meaning == "object" ? objects(model::object_handle(word)) : model::none;
      put(out, object != model::none);
      put(out, object != model::none ? object.value() : word);
    } else if (at.way == flow::out || is_room(row, i)) {
      // Of C_GetAttributeValue: which attributes, and not where they go.
      if (at.kind == shape::attributes && has_item) put_template(out, item.payload, true);
    } else if (at.kind != shape::callback && at.secret != redaction_class::opaque) {
      const bool dropped = how == closeness::loose && is_data(at.secret);
      put(out, word & tape::pointer_given);
      if (has_item && !dropped) put_item(out, item, how);
    }
  }
  return out;
}

bool asks_for_length(const tape::fields_view& inputs) {
  const auto row = inputs.row();
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto& f = row[i];
    if (f.way != flow::out || f.count < 0 || f.kind == shape::attributes) continue;
    if (row[static_cast<std::size_t>(f.count)].way == flow::inout && !inputs.given(i)) return true;
  }
  return false;
}

std::vector<u32> pins_of(const tape::fields_view& inputs) {
  std::vector<u32> all;
  for (const auto& item : inputs.items()) {
    tape::pin_facts facts{};
    if (item.form == item_form::pin && tape::parse_pin(item.payload, facts)) all.push_back(facts.number);
  }
  return all;
}

}  // namespace p11tape::player
