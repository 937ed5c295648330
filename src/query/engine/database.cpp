// SPDX-License-Identifier: Apache-2.0
#include "query/engine/database.hpp"

#include <filesystem>

#include "query/engine/parts.hpp"
#include "query/sources/findings.hpp"

namespace p11tape::query {
namespace {

constexpr int longest_value = 64 << 20;  // bytes; statements can build texts of any length

// Everything but reading is refused, whatever the statement says.
int authorize(void* context, int action, const char*, const char* second, const char*, const char*) {
  if (!static_cast<const database::parts*>(context)->only_reading) return SQLITE_OK;
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return second != nullptr && std::string_view(second) == "load_extension" ? SQLITE_DENY : SQLITE_OK;
    default:
      return SQLITE_DENY;
  }
}

struct finalizer {
  void operator()(sqlite3_stmt* s) const noexcept { sqlite3_finalize(s); }
};
using statement = std::unique_ptr<sqlite3_stmt, finalizer>;

[[noreturn]] void fail(const database::parts& p, int code) {
  if (code == SQLITE_INTERRUPT || p.stop) throw interrupted();
  std::string text = sqlite3_errmsg(p.connection);
  if (code == SQLITE_AUTH) text = "only SELECT is possible: tapes are read-only";
  throw query_error(text, sqlite3_error_offset(p.connection));
}

bool is_blank(const char* text) {
  while (*text == ' ' || *text == '\n' || *text == '\t' || *text == '\r' || *text == ';') ++text;
  return *text == 0;
}

result_cell value_of(sqlite3_stmt* s, int column) {
  result_cell c;
  switch (sqlite3_column_type(s, column)) {
    case SQLITE_INTEGER:
      c.what = result_cell::kind::integer;
      c.integer = sqlite3_column_int64(s, column);
      break;
    case SQLITE_FLOAT:
      c.what = result_cell::kind::real;
      c.real = sqlite3_column_double(s, column);
      break;
    case SQLITE_NULL:
      break;
    default: {
      c.what = result_cell::kind::text;
      const auto* text = sqlite3_column_text(s, column);
      c.text = {reinterpret_cast<const char*>(text), static_cast<std::size_t>(sqlite3_column_bytes(s, column))};
    }
  }
  return c;
}

}  // namespace

stored_table& database::parts::stored(table which) {
  if (which == table::findings) {
    if (!findings) collect_findings(tapes, pool, findings.emplace(table::findings));
    return *findings;
  }
  if (!collected) {
    collected.emplace();
    for (std::size_t i = 0; i < tapes.size(); ++i) {
      call_scan scan(std::span(&tapes[i], 1), pool, {}, &stop);
      call_cells* cells = nullptr;
      std::unique_ptr<tape_collector> one;
      call_cells none(*tapes[i], pool);  // of a tape without calls
      while (scan.next()) {
        if (cells == nullptr) {
          cells = &scan.cells();
          one = std::make_unique<tape_collector>(*tapes[i], *cells, *collected);
        }
        one->see(*scan.now());
      }
      if (!one) one = std::make_unique<tape_collector>(*tapes[i], none, *collected);
      one->finish();
    }
  }
  return which == table::tapes ? collected->tapes : which == table::sessions ? collected->sessions : collected->objects;
}

database::database(tape_list tapes) : parts_(std::make_unique<parts>()) {
  auto& p = *parts_;
  p.tapes.assign(tapes.begin(), tapes.end());
  for (const auto* t : tapes) {
    std::error_code error;
    if (const auto size = std::filesystem::file_size(t->path(), error); !error) p.bytes += size;
  }
  if (sqlite3_open_v2(":memory:", &p.connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX,
                      nullptr) != SQLITE_OK)
    throw query_error("the SQL engine cannot start", -1);
  sqlite3_limit(p.connection, SQLITE_LIMIT_LENGTH, longest_value);
  sqlite3_limit(p.connection, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_db_config(p.connection, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  sqlite3_db_config(p.connection, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(p.connection, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  add_functions(p.connection);
  add_virtual_tables(p);
  sqlite3_set_authorizer(p.connection, authorize, &p);
  sqlite3_progress_handler(
      p.connection, 10000,
      [](void* context) -> int { return static_cast<const parts*>(context)->stop.load(std::memory_order_relaxed); },
      &p);
}

database::~database() { sqlite3_close_v2(parts_->connection); }

void database::stop() noexcept { parts_->stop.store(true, std::memory_order_relaxed); }

void database::run(const std::string& sql, result_sink& to) {
  auto& p = *parts_;
  p.only_reading = true;
  p.kept.clear();
  sqlite3_stmt* raw = nullptr;
  const char* rest = nullptr;
  if (const auto code = sqlite3_prepare_v2(p.connection, sql.c_str(), static_cast<int>(sql.size() + 1), &raw, &rest);
      code != SQLITE_OK)
    fail(p, code);
  const statement s(raw);
  if (s == nullptr) throw query_error("there is no statement", -1);
  if (!is_blank(rest)) throw query_error("more than one statement", static_cast<int>(rest - sql.c_str()));
  if (sqlite3_stmt_readonly(s.get()) == 0 || sqlite3_column_count(s.get()) == 0)
    throw query_error("only SELECT is possible: tapes are read-only", -1);
  if (sqlite3_bind_parameter_count(s.get()) != 0) throw query_error("the statement has parameters (?)", -1);

  const auto width = sqlite3_column_count(s.get());
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(width));
  for (int i = 0; i < width; ++i) names.emplace_back(sqlite3_column_name(s.get(), i));
  to.begin(names);
  std::vector<result_cell> cells(static_cast<std::size_t>(width));
  for (;;) {
    const auto code = sqlite3_step(s.get());
    if (code == SQLITE_DONE) return;
    if (code != SQLITE_ROW) fail(p, code);
    for (int i = 0; i < width; ++i) cells[static_cast<std::size_t>(i)] = value_of(s.get(), i);
    if (!to.row(cells)) return;
  }
}

}  // namespace p11tape::query
