// SPDX-License-Identifier: Apache-2.0
// What the replay passes where the application had passed functions of its own.
#pragma once

#include <string_view>

#include "p11tape/layout.hpp"

namespace p11tape::replay {

/// The address of a function for an argument or field of that type: mutexes that are real ones, a C_OpenSession
/// notification that lets the module go on. 0 for a type without one.
tape::u64 callback_for(std::string_view type) noexcept;

}  // namespace p11tape::replay
