// SPDX-License-Identifier: Apache-2.0
// Whether a tape describes functions and structs as this program does: only then may a call of it be made again, or be
// answered by it. A tape's own rows are good enough to show what is on it.
#pragma once

#include "cryptoki/tables.hpp"
#include "p11tape/schema.hpp"

namespace p11tape::model {

/// True where all fields are the same, in the same order.
bool same_fields(std::span<const cryptoki::field> a, std::span<const cryptoki::field> b) noexcept;

/// True where the tape's row has our name, effect, family and arguments. False for an unknown function.
bool same_row(const tape::function_info& on_tape, cryptoki::function f) noexcept;

}  // namespace p11tape::model
