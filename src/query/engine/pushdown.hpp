// SPDX-License-Identifier: Apache-2.0
// Which constraints of a statement leave rows out at their source, and how the plan for them is written down: SQLite
// keeps a plan as a text between xBestIndex and xFilter.
#pragma once

#include <sqlite3.h>

#include <string>
#include <vector>

#include "query/engine/grouping.hpp"
#include "query/sources/call_scan.hpp"

namespace p11tape::query {

/// What a column is to a scan.
enum class scan_key : std::uint8_t { none, tape, host, number, time_ns, time, function, rv, id };

scan_key key_of(table t, unsigned column) noexcept;

/// True for tables whose rows are kept.
bool is_stored(table t) noexcept;

struct plan_term {
  unsigned column = 0;
  int op = 0;         ///< SQLITE_INDEX_CONSTRAINT_*
  bool list = false;  ///< the value is the list of an IN
};

struct plan {
  u64 used = ~u64{0};  ///< mask of columns
  std::vector<plan_term> terms;
  std::vector<grouped_source::order> groups;

  std::string text() const;
  static plan parse(const char* text);
  bool needs_model(table t) const noexcept;
  /// Those that the statement uses, and those of the terms.
  std::vector<unsigned> used_columns(table t) const;
  /// What so many rows take in a row_store.
  u64 kept_bytes(table t, u64 rows) const;
};

/// Fills in what SQLite asks of a virtual table. `rows`: an estimate of the calls on all tapes.
int choose_plan(table t, u64 rows, sqlite3_index_info* info);

/// The limits of a scan by the plan's terms and their values.
scan_limits limits_of(table t, const plan& p, int count, sqlite3_value** values);

/// The cell that a value is, to look for it in a stored table.
cell cell_of(sqlite3_value* value);

}  // namespace p11tape::query
