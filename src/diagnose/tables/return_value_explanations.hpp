// SPDX-License-Identifier: Apache-2.0
// What return values mean to those who meet them. Rows: return_value_explanations.def.
#pragma once

#include <cstdint>
#include <string_view>

#include "diagnose/finding.hpp"

namespace p11tape::diagnose {

struct return_value_row {
  std::uint64_t value;
  diagnose::fault fault;   ///< of the usual cause
  std::string_view what;   ///< what it says
  std::string_view why;    ///< what usually causes it; may be empty
  std::string_view cure;   ///< what to do; may be empty
  std::string_view rules;  ///< ids of rules that find it on a tape, with spaces between
};

/// The row of a return value, that of CKR_VENDOR_DEFINED for a vendor's own; nullptr for a number that nothing is known
/// of.
const return_value_row* find_return_value(std::uint64_t value) noexcept;

}  // namespace p11tape::diagnose
