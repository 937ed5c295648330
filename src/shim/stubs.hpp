// SPDX-License-Identifier: Apache-2.0
// The functions that stand in for the module's: one for each function and set of targets.
#pragma once

#include <cstddef>

#include "shim/module.hpp"

namespace p11tape::shim {

/// Our function number `function` (a cryptoki::function) that forwards to target set `set`.
any_function stub(int set, std::size_t function) noexcept;

}  // namespace p11tape::shim
