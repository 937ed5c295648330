// SPDX-License-Identifier: Apache-2.0
#include "diagnose/facts/attribute_templates.hpp"

#include <algorithm>

#include "cryptoki/tables.hpp"

namespace p11tape::diagnose {
namespace {

constexpr std::size_t most_attributes = 64;
constexpr std::size_t longest_value = 1024;

bool is_flag(tape::u64 type) noexcept {
  const auto* row = cryptoki::find_attribute(type);
  return row != nullptr && row->kind == cryptoki::form::flag;
}

}  // namespace

const given_attribute* given_template::find(tape::u64 type) const noexcept {
  const auto i = std::find_if(all.begin(), all.end(), [&](const given_attribute& a) { return a.type == type; });
  return i == all.end() ? nullptr : &*i;
}

tape::u64 given_template::number(tape::u64 type, tape::u64 otherwise) const noexcept {
  const auto* a = find(type);
  return a == nullptr || !a->number ? otherwise : *a->number;
}

given_template read_template(tape::byte_view payload) {
  given_template t;
  t.given = true;
  constexpr tape::u32 not_whole = tape::item_unreadable | tape::item_cut | tape::item_withheld | tape::item_null;
  for (const auto& a : tape::sequence<tape::attribute_view>(payload)) {
    if (t.all.size() == most_attributes) break;
    auto& out = t.all.emplace_back();
    out.type = a.type;
    out.length = a.length;
    out.null = a.has(tape::item_null);
    if ((a.flags & not_whole) != 0) continue;
    if (a.form == tape::item_form::number)
      out.number = a.number();
    else if (a.form == tape::item_form::bytes && a.payload.size() == 1 && is_flag(a.type))
      out.number = static_cast<tape::u64>(a.payload[0]);
    else if (a.form == tape::item_form::bytes && a.payload.size() <= longest_value)
      out.bytes.emplace(reinterpret_cast<const char*>(a.payload.data()), a.payload.size());
  }
  return t;
}

}  // namespace p11tape::diagnose
