// SPDX-License-Identifier: Apache-2.0
#include "p11tape/record.hpp"

namespace p11tape::tape {
namespace {

bool find_field(const sequence<item_view>& items, std::size_t field, item_view& out) noexcept {
  for (const auto& i : items)
    if (i.field == field) {
      out = i;
      return true;
    }
  return false;
}

}  // namespace

bool attribute_view::take(byte_view& rest, attribute_view& out) noexcept {
  if (rest.size() < sizeof(attribute_header)) return false;
  out.type = load<u64>(rest, offsetof(attribute_header, type));
  out.length = load<u64>(rest, offsetof(attribute_header, length));
  out.form = static_cast<item_form>(load<u8>(rest, offsetof(attribute_header, form)));
  out.flags = load<u8>(rest, offsetof(attribute_header, flags));
  return detail::take_payload(rest, sizeof(attribute_header), load<u32>(rest, offsetof(attribute_header, size)),
                              out.payload);
}

bool nested_view::parse(byte_view payload, nested_view& out) noexcept {
  if (payload.size() < 8) return false;
  out.record = load<u32>(payload, 0);
  out.body = payload.subspan(8);
  return true;
}

bool nested_view::take(byte_view& rest, nested_view& out) noexcept {
  if (rest.size() < 8) return false;
  byte_view payload;
  return detail::take_payload(rest, 8, load<u32>(rest, 0), payload) && parse(payload, out);
}

bool mechanism_view::parse(byte_view payload, mechanism_view& out) noexcept {
  if (payload.size() < 16) return false;
  out.type = load<u64>(payload, 0);
  out.parameter_length = load<u64>(payload, 8);
  auto rest = payload.subspan(16);
  out.has_parameter = item_view::take(rest, out.parameter);
  return true;
}

bool parse_pin(byte_view payload, pin_facts& out) noexcept {
  if (payload.size() < sizeof out) return false;
  out.length = load<u64>(payload, offsetof(pin_facts, length));
  out.anomalies = load<u32>(payload, offsetof(pin_facts, anomalies));
  out.number = load<u32>(payload, offsetof(pin_facts, number));
  return true;
}

bool fields_view::find(std::size_t field, item_view& out) const noexcept { return find_field(items(), field, out); }

bool result_view::find(std::size_t field, item_view& out) const noexcept { return find_field(items(), field, out); }

}  // namespace p11tape::tape
