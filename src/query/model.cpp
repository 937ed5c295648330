// SPDX-License-Identifier: Apache-2.0
#include "query/model.hpp"

#include <iterator>

namespace p11tape::query {
namespace {

#define COLUMN(name, type, from, sentence) {#name, column_type::type, origin::from, sentence},
constexpr column_row tapes_columns[] = {
#include "query/tables/tapes.def"
};
constexpr column_row calls_columns[] = {
#include "query/tables/calls.def"
};
constexpr column_row attributes_columns[] = {
#include "query/tables/attributes.def"
};
constexpr column_row logins_columns[] = {
#include "query/tables/logins.def"
};
constexpr column_row sessions_columns[] = {
#include "query/tables/sessions.def"
};
constexpr column_row objects_columns[] = {
#include "query/tables/objects.def"
};
constexpr column_row exchanges_columns[] = {
#include "query/tables/exchanges.def"
};
constexpr column_row findings_columns[] = {
#include "query/tables/findings.def"
};
#undef COLUMN

// A mask of the columns that a statement uses has 64 bits.
static_assert(std::size(calls_columns) < 63 && std::size(tapes_columns) < 63 && std::size(objects_columns) < 63);

constexpr table_row rows[] = {
#define TABLE(name, key, sentence) {#name, key, sentence, name##_columns},
#include "query/tables.def"
#undef TABLE
};

}  // namespace

std::span<const table_row> tables() noexcept { return rows; }

const table_row& row(table t) noexcept { return rows[static_cast<std::size_t>(t)]; }

const table_row* find_table(std::string_view name) noexcept {
  for (const auto& t : rows)
    if (t.name == name) return &t;
  return nullptr;
}

std::size_t find_column(const table_row& in, std::string_view name) noexcept {
  std::size_t i = 0;
  while (i < in.columns.size() && in.columns[i].name != name) ++i;
  return i;
}

std::string_view words_of(column_type t) noexcept {
  switch (t) {
    case column_type::name:
    case column_type::text:
      return "text";
    case column_type::count:
      return "unsigned";
    case column_type::number:
      return "unsigned or NULL";
    case column_type::flag:
      return "0 or 1";
    case column_type::time:
      return "ns since 1970, 0 unknown";
    case column_type::moment:
      return "text, YYYY-MM-DD hh:mm:ss.nnnnnnnnn";
  }
  return {};
}

}  // namespace p11tape::query
