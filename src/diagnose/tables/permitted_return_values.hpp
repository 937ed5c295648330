// SPDX-License-Identifier: Apache-2.0
// Which return values the standard lists for each function, and which of them are normal outcomes. Rows: permitted_return_values.def.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "cryptoki/tables.hpp"

namespace p11tape::diagnose {

/// Return values that are a normal outcome of a function: nothing failed.
struct normal_outcome {
  std::string_view section;  ///< of the standard
  std::string_view why;      ///< in words; "" where the call only tidied up what was gone
};

/// The chapter of the standard that describes the function: "5.6".
std::string_view section_of(cryptoki::function f) noexcept;

/// All return values but CKR_OK that the standard lists for the function.
std::vector<std::uint64_t> listed_return_values(cryptoki::function f);

/// Whether the standard lists the return value for the function, or lets every function return it.
bool is_listed_return_value(cryptoki::function f, std::uint64_t value) noexcept;

/// nullptr where the return value says that the call failed.
const normal_outcome* find_normal_outcome(cryptoki::function f, std::uint64_t value) noexcept;

}  // namespace p11tape::diagnose
