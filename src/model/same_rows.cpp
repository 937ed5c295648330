// SPDX-License-Identifier: Apache-2.0
#include "model/same_rows.hpp"

#include <algorithm>

namespace p11tape::model {

bool same_row(const tape::function_info& on_tape, cryptoki::function f) noexcept {
  const auto& ours = cryptoki::row(f);
  return on_tape.name == ours.name && on_tape.does == ours.does && on_tape.family == ours.family &&
         std::ranges::equal(on_tape.arguments, ours.arguments);
}

std::size_t same_struct(const tape::struct_info& on_tape) noexcept {
  const auto number = cryptoki::record_named(on_tape.name);
  const bool same =
      number != cryptoki::record_count && std::ranges::equal(on_tape.fields, cryptoki::records[number].fields);
  return same ? number : cryptoki::record_count;
}

}  // namespace p11tape::model
