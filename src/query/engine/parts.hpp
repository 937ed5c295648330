// SPDX-License-Identifier: Apache-2.0
// What the virtual tables of a database share. Part of it; not for others.
#pragma once

#include <sqlite3.h>

#include <optional>

#include "query/engine/database.hpp"
#include "query/engine/lookup.hpp"
#include "query/sources/collector.hpp"

namespace p11tape::query {

struct database::parts {
  std::vector<const tape::reader*> tapes;
  symbols pool;
  std::atomic<bool> stop{false};
  sqlite3* connection = nullptr;
  bool only_reading = false;  ///< the authorizer is in force
  std::optional<collected_tables> collected;
  std::optional<stored_table> findings;
  u64 bytes = 0;  ///< of all tapes
  kept_scans kept;

  /// An estimate of the calls on all tapes.
  u64 rows() const noexcept { return bytes / 96; }

  stored_table& stored(table which);
};

void add_virtual_tables(database::parts& all);
void add_functions(sqlite3* connection);

}  // namespace p11tape::query
