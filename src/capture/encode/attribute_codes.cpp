// SPDX-License-Identifier: Apache-2.0
#include "capture/encode/attribute_codes.hpp"

#include "cryptoki/attribute_rows.hpp"
#include "cryptoki/redaction.hpp"

namespace p11tape::capture {
namespace {

using cryptoki::form;
using cryptoki::redaction_class;

consteval attribute_code code_of(const cryptoki::attribute_row& row) {
  constexpr std::size_t default_profile = 0;
  if (cryptoki::treat(default_profile, row.secret) != cryptoki::treatment::whole) return attribute_code::by_row;
  const bool is_name = row.secret == redaction_class::identity;
  if (row.secret != redaction_class::open && !is_name) return attribute_code::by_row;
  switch (row.kind) {
    case form::flag:
      return is_name ? attribute_code::by_row : attribute_code::flag;
    case form::number:
      if (is_name) return attribute_code::by_row;
      return row.meaning.empty() ? attribute_code::number : attribute_code::constant;
    case form::text:
    case form::big:
    case form::bytes:
    case form::name:
    case form::integer:
    case form::oid:
    case form::curve:
      return is_name ? attribute_code::name : attribute_code::bytes;
    default:
      return attribute_code::by_row;
  }
}

consteval auto make_codes() {
  std::array<attribute_code, most_attribute_codes> codes{};
  for (const auto& row : cryptoki::attribute_rows)
    if (row.type < codes.size()) codes[row.type] = code_of(row);
  return codes;
}

}  // namespace

constinit const std::array<attribute_code, most_attribute_codes> attribute_codes = make_codes();

}  // namespace p11tape::capture
