// SPDX-License-Identifier: Apache-2.0
// One value in words, for the text.
#pragma once

#include <cstddef>
#include <string>

#include "render/visitor.hpp"

namespace p11tape::render {

/// Appends a value, its constant's name and whatever else is to be said of it; of a byte string up to `most_bytes`.
void append_value(const label& which, const value& v, std::size_t most_bytes, std::string& out);

/// Appends what marks say of a group or a value that is shown nevertheless: that it was cut, or is damaged.
void append_marks(std::uint32_t marks, std::string& out);

}  // namespace p11tape::render
