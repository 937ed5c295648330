// SPDX-License-Identifier: Apache-2.0
// The formats jsonl and csv: rows of the data model, resumable over tapes that grow.
#pragma once

#include <cstdio>

#include "export/formats.hpp"
#include "export/rows.hpp"

namespace p11tape::exporting {

/// Returns false if the output cannot be written. Throws std::runtime_error for a table that there is not, or a state
/// file that cannot be used.
bool write_rows(query::tape_list tapes, row_format format, const format_options& o, std::FILE* to);

}  // namespace p11tape::exporting
