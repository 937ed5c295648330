// SPDX-License-Identifier: Apache-2.0
// The word that somebody may have meant.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace p11tape::text {

/// How many letters have to be inserted, removed, replaced or exchanged with their neighbour to turn one into the
/// other.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The nearest of the words, "" where none is near: a third of the letters may be wrong, but never all.
std::string_view nearest(std::string_view word, std::span<const std::string> words);

}  // namespace p11tape::text
