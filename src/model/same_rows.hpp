// SPDX-License-Identifier: Apache-2.0
// Whether a tape describes functions and structs as this program does: only then may a call of it be made again, or be
// answered by it. A tape's own rows are good enough to show what is on it.
#pragma once

#include "cryptoki/tables.hpp"
#include "p11tape/schema.hpp"

namespace p11tape::model {

/// True where the tape's row has our name, effect, family and arguments. False for an unknown function. Compares names:
/// function_role::same_row has the answer for each function of a tape.
bool same_row(const tape::function_info& on_tape, cryptoki::function f) noexcept;

/// Our number of a struct that the tape describes as we do; cryptoki::record_count if there is none.
std::size_t same_struct(const tape::struct_info& on_tape) noexcept;

}  // namespace p11tape::model
