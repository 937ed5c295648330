// SPDX-License-Identifier: Apache-2.0
// The attributes that most templates consist of, boiled down to one byte a type: which code of encode_templates.hpp they
// have. It is for the default profile, and says nothing of attributes of which that profile withholds anything: those,
// and all that are unusual, are left to the general code, which asks the row.
#pragma once

#include <array>
#include <cstddef>

#include "p11tape/layout.hpp"

namespace p11tape::capture {

enum class attribute_code : tape::u8 {
  by_row,    ///< the general code
  flag,      ///< a public CK_BBOOL
  constant,  ///< a public CK_ULONG that is one of a group of constants
  number,    ///< another public CK_ULONG
  bytes,     ///< public bytes of any length
  name,      ///< a label, ID or other name: bytes that must not hold a PIN
};

inline constexpr std::size_t most_attribute_codes = 0x700;  // types up to here are those of the standard
extern const std::array<attribute_code, most_attribute_codes> attribute_codes;

[[gnu::always_inline]] inline attribute_code code_of_attribute(tape::u64 type) noexcept {
  return type < most_attribute_codes ? attribute_codes[type] : attribute_code::by_row;
}

}  // namespace p11tape::capture
