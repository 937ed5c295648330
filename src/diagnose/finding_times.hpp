// SPDX-License-Identifier: Apache-2.0
// When the calls were made that findings name. Rules know calls by their numbers, of which there may be millions: so the
// few that are named are looked up in one more pass, which ends at the last of them.
#pragma once

#include <span>

#include "diagnose/diagnosis.hpp"

namespace p11tape::diagnose {

/// Sets `wall` of every finding and consequence to the beginning of the first call of its evidence.
void add_times(diagnosis& d, std::span<const process_facts> all);

}  // namespace p11tape::diagnose
