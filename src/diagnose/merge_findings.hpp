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
void merge_findings(std::span<const process_facts> all, std::vector<finding>& found);

}  // namespace p11tape::diagnose
