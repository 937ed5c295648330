// SPDX-License-Identifier: Apache-2.0
// The data model, described once: tables.def and tables/*.def as constexpr tables.
//
// What is derived from it: the virtual tables of `p11tape query`, the rows of `p11tape export`, the schema of the fleet
// engine (config/fleet/), the schema that `p11tape query --schema` prints.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace p11tape::query {

using u64 = std::uint64_t;

/// Grows when a column is renamed, removed or retyped; columns added at the end of a table do not change it.
inline constexpr u64 model_version = 1;

enum class column_type : std::uint8_t {
  name,    ///< text of few distinct values
  text,    ///< any text
  count,   ///< unsigned, never NULL
  number,  ///< unsigned, or NULL
  flag,    ///< 0 or 1
  time,    ///< ns since 1970, 0 if not known
  moment,  ///< a time as text; engines with a type for times derive it
};

constexpr bool is_text(column_type t) noexcept {
  return t == column_type::name || t == column_type::text || t == column_type::moment;
}

/// Whether a value needs the state of sessions, tokens and objects, which costs time.
enum class origin : std::uint8_t { record, model };

struct column_row {
  std::string_view name;
  column_type type;
  origin from;
  std::string_view sentence;
};

enum class table : std::uint8_t {
#define TABLE(name, key, sentence) name,
#include "query/tables.def"
#undef TABLE
};

#define COLUMN(name, type, from, sentence) name,
enum class tapes_column : unsigned {
#include "query/tables/tapes.def"
};
enum class calls_column : unsigned {
#include "query/tables/calls.def"
};
enum class attributes_column : unsigned {
#include "query/tables/attributes.def"
};
enum class logins_column : unsigned {
#include "query/tables/logins.def"
};
enum class sessions_column : unsigned {
#include "query/tables/sessions.def"
};
enum class objects_column : unsigned {
#include "query/tables/objects.def"
};
enum class exchanges_column : unsigned {
#include "query/tables/exchanges.def"
};
enum class findings_column : unsigned {
#include "query/tables/findings.def"
};
#undef COLUMN

struct table_row {
  std::string_view name;
  std::string_view key;  ///< names of columns, separated by ", "
  std::string_view sentence;
  std::span<const column_row> columns;
};

std::span<const table_row> tables() noexcept;
const table_row& row(table t) noexcept;

/// The table of that name; nullptr if there is none.
const table_row* find_table(std::string_view name) noexcept;

/// The position of the column of that name, or the number of columns.
std::size_t find_column(const table_row& in, std::string_view name) noexcept;

inline table id_of(const table_row& t) noexcept { return static_cast<table>(&t - tables().data()); }

/// "unsigned or NULL" ... for people.
std::string_view words_of(column_type t) noexcept;

/// A value. Text lives until the row changes; a symbol lives as long as what the row came from, and equal symbols are
/// often, but not always, at the same address.
struct cell {
  enum class kind : std::uint8_t { null, number, text, symbol };
  kind what = kind::null;
  u64 number = 0;
  std::string_view text;

  static cell of(u64 n) noexcept { return {kind::number, n, {}}; }
  static cell of_symbol(std::string_view s) noexcept { return {kind::symbol, 0, s}; }
  static cell of_text(std::string_view s) noexcept { return {kind::text, 0, s}; }
  static cell when(bool known, u64 n) noexcept { return known ? of(n) : cell{}; }

  bool is_text() const noexcept { return what == kind::text || what == kind::symbol; }
};

/// Rows, one after the other.
class row_source {
 public:
  row_source() = default;
  row_source(const row_source&) = delete;
  row_source& operator=(const row_source&) = delete;
  virtual ~row_source() = default;
  /// False at the end.
  virtual bool next() = 0;
  /// A value of the row that next() came to.
  virtual cell at(unsigned column) = 0;
};

}  // namespace p11tape::query
