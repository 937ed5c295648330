// SPDX-License-Identifier: Apache-2.0
// The fields of a call that conditions can name: one row each.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/state.hpp"

namespace p11tape::cli {

enum class field_kind : std::uint8_t {
  number,    ///< decimal, 0x1F, or a name of `group`
  duration,  ///< nanoseconds; written 5ms, 2.5s
  text,      ///< compared as it stands
  flag,      ///< true or false, and needs no operator
};

struct field_value {
  std::uint64_t number = 0;
  std::string text;
};

struct call_field {
  std::string_view name;
  field_kind kind;
  std::string_view group;  ///< of constants whose names a value may be; "" for none
  bool needs_context;      ///< it is known only with the model's state
  std::string_view help;
  /// Nothing where the call has no such field.
  std::optional<field_value> (*read)(const model::call& call, const model::call_context* now);
};

std::span<const call_field> call_fields() noexcept;

}  // namespace p11tape::cli
