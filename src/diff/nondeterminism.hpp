// SPDX-License-Identifier: Apache-2.0
// What differs between two runs that do the same: one table of all that is random, or of the moment, by nature.
//
// Whatever no row names is deterministic: the same call on the same token has to give it again.
#pragma once

#include <cstdint>
#include <string_view>

#include "diff/compare.hpp"
#include "p11tape/row.hpp"

namespace p11tape::diff {

/// Of an output's bytes, by their class: kind::value where they are deterministic for that mechanism, kind::random
/// where not. `mechanism` may be unknown (all ones): then a signature is taken for deterministic.
kind nature_of_output(cryptoki::redaction_class what, u64 mechanism) noexcept;

/// True where also the length of such an output is random.
bool has_random_length(cryptoki::redaction_class what, u64 mechanism) noexcept;

/// Of a field of a struct: kind::random (an initialisation vector), kind::moment (a clock), or kind::value.
kind nature_of_field(std::string_view structure, std::string_view field) noexcept;

/// Of a mechanism parameter that is bytes without a struct.
kind nature_of_parameter(u64 mechanism) noexcept;

/// Of an attribute's value, where the object was made with random (`fresh`) and where not.
kind nature_of_attribute(u64 type, bool fresh) noexcept;

}  // namespace p11tape::diff
