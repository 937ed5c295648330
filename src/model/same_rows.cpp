// SPDX-License-Identifier: Apache-2.0
#include "model/same_rows.hpp"

#include <algorithm>

namespace p11tape::model {

bool same_fields(std::span<const cryptoki::field> a, std::span<const cryptoki::field> b) noexcept {
  return std::ranges::equal(a, b);
}

bool same_row(const tape::function_info& on_tape, cryptoki::function f) noexcept {
  const auto& ours = cryptoki::row(f);
  return on_tape.name == ours.name && on_tape.does == ours.does && on_tape.family == ours.family &&
         same_fields(on_tape.arguments, ours.arguments);
}

}  // namespace p11tape::model
