// SPDX-License-Identifier: Apache-2.0
// The tables of the model as virtual tables of SQLite. Nothing is thrown across SQLite.
#include <new>
#include <utility>

#include "query/engine/grouping.hpp"
#include "query/engine/parts.hpp"
#include "query/engine/pushdown.hpp"
#include "query/sources/scan_sources.hpp"

namespace p11tape::query {
namespace {

struct virtual_table : sqlite3_vtab {
  database::parts* all = nullptr;
  table which = table::calls;
};

struct virtual_cursor : sqlite3_vtab_cursor {
  std::unique_ptr<row_source> rows;
  sqlite3_int64 row = 0;
  bool at_end = true;
};

struct registered {
  database::parts* all;
  table which;
};

template <class Work>
int guarded(sqlite3_vtab* t, Work work) noexcept {
  try {
    return work();
  } catch (const interrupted&) {
    return SQLITE_INTERRUPT;
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  } catch (const std::exception& e) {
    sqlite3_free(t->zErrMsg);
    t->zErrMsg = sqlite3_mprintf("%s", e.what());
    return SQLITE_ERROR;
  }
}

int connect(sqlite3* connection, void* context, int, const char* const*, sqlite3_vtab** out, char**) {
  const auto& r = *static_cast<const registered*>(context);
  std::string sql = "CREATE TABLE x(";
  for (const auto& c : row(r.which).columns) {
    if (sql.back() != '(') sql += ", ";
    sql += '"' + std::string(c.name) + (is_text(c.type) ? "\" TEXT" : "\" INTEGER");
  }
  // To SQLite this very declaration is a CREATE TABLE, which the authorizer would refuse.
  const bool only_reading = std::exchange(r.all->only_reading, false);
  const auto code = sqlite3_declare_vtab(connection, (sql + ")").c_str());
  r.all->only_reading = only_reading;
  if (code != SQLITE_OK) return code;
  sqlite3_vtab_config(connection, SQLITE_VTAB_DIRECTONLY);
  auto* t = new (std::nothrow) virtual_table();
  if (t == nullptr) return SQLITE_NOMEM;
  t->all = r.all;
  t->which = r.which;
  *out = t;
  return SQLITE_OK;
}

int disconnect(sqlite3_vtab* t) {
  delete static_cast<virtual_table*>(t);
  return SQLITE_OK;
}

int best_index(sqlite3_vtab* t, sqlite3_index_info* info) {
  const auto* v = static_cast<virtual_table*>(t);
  return guarded(t, [&] { return choose_plan(v->which, v->all->rows(), info); });
}

int open(sqlite3_vtab*, sqlite3_vtab_cursor** out) {
  auto* c = new (std::nothrow) virtual_cursor();
  *out = c;
  return c == nullptr ? SQLITE_NOMEM : SQLITE_OK;
}

int close(sqlite3_vtab_cursor* c) {
  delete static_cast<virtual_cursor*>(c);
  return SQLITE_OK;
}

struct no_rows : row_source {
  bool next() override { return false; }
  cell at(unsigned) override { return {}; }
};

std::unique_ptr<row_source> scan_source(database::parts& all, table which, scan_limits limits) {
  call_scan scan(all.tapes, all.pool, std::move(limits), &all.stop);
  switch (which) {
    case table::calls:
      return std::make_unique<calls_source>(std::move(scan));
    case table::logins:
      return std::make_unique<logins_source>(std::move(scan));
    case table::attributes:
      return std::make_unique<attributes_source>(std::move(scan));
    default:
      return std::make_unique<exchanges_source>(std::move(scan));
  }
}

std::unique_ptr<row_source> source_of(database::parts& all, table which, const plan& p, int count,
                                      sqlite3_value** values) {
  const auto same = equality_of(which, p, count, values);
  if (same.never) return std::make_unique<no_rows>();
  if (is_stored(which)) {
    auto& stored = all.stored(which);
    if (same.columns.empty()) return std::make_unique<stored_source>(stored);
    return std::make_unique<stored_source>(stored, stored.rows_with(same.columns, same.hash));
  }
  if (!same.columns.empty() && p.groups.empty()) {
    scan_limits everything;
    everything.needs_model = p.needs_model(which);
    if (auto kept = all.kept.find(which, p, same, all.rows(), all.pool,
                                  [&] { return scan_source(all, which, std::move(everything)); }))
      return kept;
  }
  auto rows = scan_source(all, which, limits_of(which, p, count, values));
  if (p.groups.empty()) return rows;
  return std::make_unique<grouped_source>(std::move(rows), p.used_columns(which), p.groups, all.pool);
}

int step(virtual_cursor& c) {
  return guarded(c.pVtab, [&] {
    c.at_end = !c.rows->next();
    ++c.row;
    return SQLITE_OK;
  });
}

int filter(sqlite3_vtab_cursor* cursor, int, const char* text, int count, sqlite3_value** values) {
  auto& c = static_cast<virtual_cursor&>(*cursor);
  const auto& t = static_cast<virtual_table&>(*cursor->pVtab);
  c.row = 0;
  const auto code = guarded(cursor->pVtab, [&] {
    c.rows = source_of(*t.all, t.which, plan::parse(text), count, values);
    return SQLITE_OK;
  });
  return code == SQLITE_OK ? step(c) : code;
}

int next(sqlite3_vtab_cursor* c) { return step(static_cast<virtual_cursor&>(*c)); }

int at_end(sqlite3_vtab_cursor* c) { return static_cast<virtual_cursor*>(c)->at_end ? 1 : 0; }

int column(sqlite3_vtab_cursor* cursor, sqlite3_context* to, int which) {
  auto& c = static_cast<virtual_cursor&>(*cursor);
  return guarded(cursor->pVtab, [&] {
    const auto value = c.rows->at(static_cast<unsigned>(which));
    switch (value.what) {
      case cell::kind::null:
        sqlite3_result_null(to);
        break;
      case cell::kind::number:
        if (value.number <= static_cast<u64>(INT64_MAX)) {
          sqlite3_result_int64(to, static_cast<sqlite3_int64>(value.number));
        } else {
          // Numbers beyond the engine's are texts of digits, not negative.
          const auto digits = std::to_string(value.number);
          sqlite3_result_text(to, digits.data(), static_cast<int>(digits.size()), SQLITE_TRANSIENT);
        }
        break;
      case cell::kind::text:
      case cell::kind::symbol:
        sqlite3_result_text(to, value.text.data() != nullptr ? value.text.data() : "",
                            static_cast<int>(value.text.size()),
                            value.what == cell::kind::symbol ? SQLITE_STATIC : SQLITE_TRANSIENT);
        break;
    }
    return SQLITE_OK;
  });
}

int row_id(sqlite3_vtab_cursor* c, sqlite3_int64* out) {
  *out = static_cast<virtual_cursor*>(c)->row;
  return SQLITE_OK;
}

// Without xCreate a table is there under its module's name, without being created.
const sqlite3_module module = [] {
  sqlite3_module m{};
  m.iVersion = 0;
  m.xConnect = connect;
  m.xBestIndex = best_index;
  m.xDisconnect = disconnect;
  m.xOpen = open;
  m.xClose = close;
  m.xFilter = filter;
  m.xNext = next;
  m.xEof = at_end;
  m.xColumn = column;
  m.xRowid = row_id;
  return m;
}();

}  // namespace

void add_virtual_tables(database::parts& all) {
  for (const auto& t : tables())
    if (sqlite3_create_module_v2(all.connection, std::string(t.name).c_str(), &module, new registered{&all, id_of(t)},
                                 [](void* r) { delete static_cast<registered*>(r); }) != SQLITE_OK)
      throw query_error("the SQL engine does not take its tables", -1);
}

}  // namespace p11tape::query
