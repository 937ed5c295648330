// SPDX-License-Identifier: Apache-2.0
// Structs are named in records by their number in the tape's schema. A tape of another version may number them
// otherwise: its records are given our numbers once, when they are read.
#pragma once

#include <vector>

#include "p11tape/tape.hpp"

namespace p11tape::player {

/// A struct that we do not have.
inline constexpr tape::u32 no_struct = ~tape::u32{0};

/// For each struct of the tape, the number of ours that has the same name and fields; empty where all are the same.
std::vector<tape::u32> our_numbers(const tape::schema& theirs);

/// Puts our numbers into a copy of a record's body, in which the first `words` numbers are no items.
void remap_structs(tape::record_view& record, std::size_t words, const std::vector<tape::u32>& ours);

}  // namespace p11tape::player
