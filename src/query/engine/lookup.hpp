// SPDX-License-Identifier: Apache-2.0
// Equalities of joins. The rows of calls, logins, attributes and exchanges are made while tapes are read; as the inner side
// of a join they would be made again for each row of the outer side. So when a plan with an equality is asked again, its
// rows are kept, the columns that the statement uses alone, and looked up by a hash.
#pragma once

#include <map>
#include <optional>

#include "query/engine/pushdown.hpp"
#include "query/engine/row_store.hpp"
#include "query/sources/row_index.hpp"

namespace p11tape::query {

/// What the rows must equal by a plan: some columns, and a hash of their values.
struct equality {
  std::vector<unsigned> columns;  ///< ascending; none if no value is of its column's type
  u64 hash = 0;
  bool never = false;  ///< a value is NULL, which nothing equals
};

equality equality_of(table t, const plan& p, int count, sqlite3_value** values);

/// The scans of one statement that are asked again.
class kept_scans {
 public:
  /// The rows of the plan, or nullptr if they are to be made by a scan: it is the first time, or they would take too much
  /// memory. `rows`: an estimate of their number. `open()` gives a source of all rows.
  template <class Open>
  std::unique_ptr<row_source> find(table t, const plan& p, const equality& same, u64 rows, symbols& pool, Open open) {
    auto& s = scans_[{t, p.text()}];
    if (++s.times <= scanned || p.kept_bytes(t, rows) > most_kept_bytes) return nullptr;
    if (!s.rows) {
      row_store all(p.used_columns(t), pool);
      all.read(*open());
      s.rows.emplace(std::move(all));
    }
    return rows_of(s, same);
  }

  void clear() { scans_.clear(); }

 private:
  static constexpr unsigned scanned = 2;
  static constexpr u64 most_kept_bytes = u64{2} << 30;

  struct scan {
    unsigned times = 0;
    std::optional<row_store> rows;
    std::map<std::vector<unsigned>, row_index> by;
  };
  static std::unique_ptr<row_source> rows_of(scan& s, const equality& same);

  std::map<std::pair<table, std::string>, scan> scans_;
};

}  // namespace p11tape::query
