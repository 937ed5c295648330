// SPDX-License-Identifier: Apache-2.0
// What `p11tape diagnose` finds, as rows.
#pragma once

#include "query/sources/call_scan.hpp"
#include "query/sources/stored.hpp"

namespace p11tape::query {

/// Reads all tapes. Those that are diagnosed together explain each other (a child of fork by its parent).
void collect_findings(tape_list tapes, symbols& pool, stored_table& into);

}  // namespace p11tape::query
