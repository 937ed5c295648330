// SPDX-License-Identifier: Apache-2.0
// Which return values say that nothing has gone wrong: the rows of routine_results.def.
#pragma once

#include <cstdint>

namespace p11tape::cryptoki {

/// `function`: its number. Cheap: for calls that did not return CKR_OK, inside the host.
bool is_routine(std::uint16_t function, std::uint64_t return_value) noexcept;

}  // namespace p11tape::cryptoki
