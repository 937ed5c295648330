// SPDX-License-Identifier: Apache-2.0
// The same finding in several processes is one: "6 processes sent the same wrong PIN length in 4 min".
#pragma once

#include <span>
#include <vector>

#include "diagnose/facts/facts.hpp"
#include "diagnose/finding.hpp"

namespace p11tape::diagnose {

/// Findings of one rule that say the same of several tapes become one, with the number of processes, the programs and the
/// time between the first and the last. Evidence that differs is that of the first.
void join_processes(std::span<const process_facts> all, std::vector<finding>& found);

/// When the call with that number was made, ns since 1970; 0 if the facts do not have it.
u64 wall_of(const process_facts& d, u64 call) noexcept;

}  // namespace p11tape::diagnose
