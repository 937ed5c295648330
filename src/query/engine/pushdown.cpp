// SPDX-License-Identifier: Apache-2.0
#include "query/engine/pushdown.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>

namespace p11tape::query {
namespace {

constexpr u64 most_grouped_bytes = u64{3} << 30;  // what grouping may keep in memory

bool has_few_values(const column_row& c) noexcept {
  if (c.type == column_type::name || c.type == column_type::flag) return true;
  for (const auto* n :
       {"pid", "thread", "slot", "key_bits", "rv_code", "depth", "session_id", "object_id", "pin_alarm"})
    if (c.name == n) return true;
  return false;
}

bool is_range(int op) noexcept {
  return op == SQLITE_INDEX_CONSTRAINT_GT || op == SQLITE_INDEX_CONSTRAINT_GE || op == SQLITE_INDEX_CONSTRAINT_LT ||
         op == SQLITE_INDEX_CONSTRAINT_LE;
}

bool takes(scan_key key, int op) noexcept {
  if (key == scan_key::none) return false;
  if (op == SQLITE_INDEX_CONSTRAINT_EQ) return true;
  return is_range(op) && (key == scan_key::number || key == scan_key::time_ns || key == scan_key::time);
}

// Share of the rows that a term leaves.
double share_of(scan_key key, int op) noexcept {
  if (is_range(op)) return 0.25;
  switch (key) {
    case scan_key::id:
    case scan_key::number:
    case scan_key::time:
    case scan_key::time_ns:
      return 1e-6;
    default:
      return 0.1;
  }
}

// The same of a table whose rows are kept. A tape has thousands of sessions, an id one.
double share_of(std::string_view column) noexcept {
  return column == "id" || column == "call_id" || column == "number" ? 1e-3 : 0.1;
}

// A moment as far as it is given, "2026-11-21 18:05"; the rest is the earliest. Nothing if it cannot be told.
std::optional<u64> parse_moment(std::string_view text) {
  static constexpr std::string_view least = "1970-01-01 00:00:00";
  std::string all(text.substr(0, least.size()));
  if (all.size() < 4) return std::nullopt;
  all += least.substr(all.size());
  std::tm t{};
  if (std::sscanf(all.c_str(), "%4d-%2d-%2d %2d:%2d:%2d", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min,
                  &t.tm_sec) != 6)
    return std::nullopt;
  if (t.tm_year < 1970 || t.tm_year > 2500 || t.tm_mon < 1 || t.tm_mon > 12 || t.tm_mday < 1 || t.tm_mday > 31)
    return std::nullopt;
  t.tm_year -= 1900;
  t.tm_mon -= 1;
  const auto seconds = ::timegm(&t);
  if (seconds < 0) return std::nullopt;
  return static_cast<u64>(seconds) * 1000000000;
}

std::string_view text_of(sqlite3_value* v) {
  const auto* text = sqlite3_value_text(v);
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(sqlite3_value_bytes(v))};
}

class limit_setter {
 public:
  explicit limit_setter(scan_limits& to) : to_(to) {}

  void set(scan_key key, int op, sqlite3_value* v) {
    const auto type = sqlite3_value_type(v);
    switch (key) {
      case scan_key::number:
        if (type == SQLITE_INTEGER) narrow(to_.first, to_.last, op, sqlite3_value_int64(v));
        break;
      case scan_key::time_ns:
        if (type == SQLITE_INTEGER) narrow(to_.from, to_.to, op, sqlite3_value_int64(v));
        break;
      case scan_key::time:
        if (type == SQLITE_TEXT) set_moment(op, text_of(v));
        break;
      default:
        set_list(key, {v});
        break;
    }
  }

  void set_list(scan_key key, const std::vector<sqlite3_value*>& all) {
    if (key == scan_key::id || key == scan_key::number) {
      std::vector<u64> numbers;
      for (auto* v : all)
        if (sqlite3_value_type(v) == SQLITE_INTEGER) numbers.push_back(static_cast<u64>(sqlite3_value_int64(v)));
      if (numbers.size() != all.size()) return;
      std::sort(numbers.begin(), numbers.end());
      if (key == scan_key::id) {
        to_.ids = std::move(numbers);
      } else if (!numbers.empty()) {
        to_.first = std::max(to_.first, numbers.front());
        to_.last = std::min(to_.last, numbers.back());
      }
      return;
    }
    auto* list = key == scan_key::tape       ? &to_.tapes
                 : key == scan_key::host     ? &to_.hosts
                 : key == scan_key::function ? &to_.functions
                 : key == scan_key::rv       ? &to_.return_values
                                             : nullptr;
    if (list == nullptr) return;
    std::vector<std::string> texts;
    for (auto* v : all)
      if (sqlite3_value_type(v) == SQLITE_TEXT) texts.emplace_back(text_of(v));
    *list = std::move(texts);
  }

 private:
  static void narrow(u64& from, u64& to, int op, std::int64_t n) {
    const auto at = n < 0 ? 0 : static_cast<u64>(n);
    if (op == SQLITE_INDEX_CONSTRAINT_EQ || op == SQLITE_INDEX_CONSTRAINT_GE || op == SQLITE_INDEX_CONSTRAINT_GT)
      from = std::max(from, at);
    if (op == SQLITE_INDEX_CONSTRAINT_EQ || op == SQLITE_INDEX_CONSTRAINT_LE || op == SQLITE_INDEX_CONSTRAINT_LT)
      to = std::min(to, at);
  }

  // Texts are compared byte by byte, so a bound that breaks off counts from its earliest completion; as an upper bound
  // the whole of its last second is let through, and SQLite compares the text itself.
  void set_moment(int op, std::string_view text) {
    const auto at = parse_moment(text);
    if (!at) return;
    if (op != SQLITE_INDEX_CONSTRAINT_LE && op != SQLITE_INDEX_CONSTRAINT_LT) to_.from = std::max(to_.from, *at);
    if (op != SQLITE_INDEX_CONSTRAINT_GE && op != SQLITE_INDEX_CONSTRAINT_GT)
      to_.to = std::min(to_.to, *at + 999999999);
  }

  scan_limits& to_;
};

}  // namespace

bool is_stored(table t) noexcept {
  return t == table::tapes || t == table::sessions || t == table::objects || t == table::findings;
}

scan_key key_of(table t, unsigned column) noexcept {
  if (is_stored(t)) return scan_key::none;
  const auto name = row(t).columns[column].name;
  if (name == "tape") return scan_key::tape;
  if (name == "host") return scan_key::host;
  // The exchanges of a call are found only by those who see every call.
  if (t == table::exchanges) return scan_key::none;
  if (name == "number") return scan_key::number;
  if (name == "time_ns") return scan_key::time_ns;
  if (name == "time") return scan_key::time;
  if (name == "function") return scan_key::function;
  if (name == "rv") return scan_key::rv;
  return name == (t == table::attributes ? "call_id" : "id") ? scan_key::id : scan_key::none;
}

std::string plan::text() const {
  std::string out = std::to_string(used);
  for (const auto& t : terms)
    out += ";t" + std::to_string(t.column) + "," + std::to_string(t.op) + "," + (t.list ? "1" : "0");
  for (const auto& g : groups) out += ";g" + std::to_string(g.column) + "," + (g.descending ? "1" : "0");
  return out;
}

plan plan::parse(const char* text) {
  plan p;
  char* at = nullptr;
  p.used = std::strtoull(text, &at, 10);
  while (*at == ';') {
    const char what = at[1];
    const auto column = static_cast<unsigned>(std::strtoul(at + 2, &at, 10));
    if (what == 't') {
      const auto op = static_cast<int>(std::strtol(at + 1, &at, 10));
      p.terms.push_back({column, op, at[1] == '1'});
    } else {
      p.groups.push_back({column, at[1] == '1'});
    }
    at += 2;
  }
  return p;
}

bool plan::needs_model(table t) const noexcept {
  const auto columns = row(t).columns;
  for (std::size_t i = 0; i < columns.size(); ++i)
    if ((used >> i & 1) != 0 && columns[i].from == origin::model) return true;
  return false;
}

std::vector<unsigned> plan::used_columns(table t) const {
  std::vector<unsigned> all;
  u64 mask = used;
  for (const auto& term : terms) mask |= u64{1} << term.column;
  for (unsigned i = 0; i < row(t).columns.size(); ++i)
    if ((mask >> i & 1) != 0) all.push_back(i);
  return all;
}

u64 plan::kept_bytes(table t, u64 rows) const {
  u64 of_row = 8;  // its place in an index or a group
  for (const auto c : used_columns(t)) {
    const auto type = row(t).columns[c].type;
    of_row += type == column_type::text || type == column_type::moment ? 100 : 9;
  }
  return rows * of_row;
}

namespace {

// Whether the rows can come in the order, or the groups, that the statement wants of them.
bool can_group(table t, u64 rows, const plan& p, const sqlite3_index_info* info) {
  if (is_stored(t) || info->nOrderBy == 0) return false;
  const auto columns = row(t).columns;
  for (int i = 0; i < info->nOrderBy; ++i) {
    const auto column = info->aOrderBy[i].iColumn;
    if (column < 0 || !has_few_values(columns[static_cast<std::size_t>(column)])) return false;
  }
  for (const auto c : p.used_columns(t))
    if (columns[c].type == column_type::text || columns[c].type == column_type::moment) return false;
  return p.kept_bytes(t, rows) < most_grouped_bytes && rows < (u64{1} << 32);
}

}  // namespace

int choose_plan(table t, u64 rows, sqlite3_index_info* info) {
  plan p;
  p.used = info->colUsed;
  const auto estimate = static_cast<double>(std::max<u64>(rows, 1));
  double found = is_stored(t) ? std::min(estimate, 10000.0) : t == table::logins ? estimate / 100 : estimate;
  bool indexed = false;
  for (int i = 0; i < info->nConstraint; ++i) {
    const auto& c = info->aConstraint[i];
    if (c.usable == 0 || c.iColumn < 0) continue;
    const auto column = static_cast<unsigned>(c.iColumn);
    const auto key = key_of(t, column);
    const bool equal = c.op == SQLITE_INDEX_CONSTRAINT_EQ, is_list = equal && sqlite3_vtab_in(info, i, -1) != 0;
    // Any column can be looked up by equality; see lookup.hpp. A list comes value by value, and each would be a scan.
    if (!takes(key, c.op) && !(equal && (is_stored(t) || !is_list))) continue;
    found *= is_stored(t) ? share_of(row(t).columns[column].name) : share_of(key, c.op);
    indexed |= equal;
    const bool list = is_list && !is_stored(t);
    if (list) sqlite3_vtab_in(info, i, 1);
    p.terms.push_back({column, c.op, list});
    info->aConstraintUsage[i].argvIndex = static_cast<int>(p.terms.size());
  }
  // The fixed cost of a scan is that of reading the tapes: tables that are kept belong inside of it, not around it.
  info->estimatedCost = is_stored(t) ? (indexed ? 5 : found) : estimate * (p.needs_model(t) ? 3 : 1) + found;
  info->estimatedRows = static_cast<sqlite3_int64>(std::max(found, 1.0));
  if (can_group(t, rows, p, info)) {
    for (int i = 0; i < info->nOrderBy; ++i)
      p.groups.push_back({static_cast<unsigned>(info->aOrderBy[i].iColumn), info->aOrderBy[i].desc != 0});
    info->orderByConsumed = 1;
  }
  info->idxStr = sqlite3_mprintf("%s", p.text().c_str());
  info->needToFreeIdxStr = 1;
  return info->idxStr == nullptr ? SQLITE_NOMEM : SQLITE_OK;
}

scan_limits limits_of(table t, const plan& p, int count, sqlite3_value** values) {
  scan_limits limits;
  limits.needs_model = p.needs_model(t);
  limit_setter setter(limits);
  for (int i = 0; i < count && static_cast<std::size_t>(i) < p.terms.size(); ++i) {
    const auto& term = p.terms[static_cast<std::size_t>(i)];
    const auto key = key_of(t, term.column);
    if (!term.list) {
      setter.set(key, term.op, values[i]);
      continue;
    }
    std::vector<sqlite3_value*> kept;
    sqlite3_value* v = nullptr;
    // Values of a list live only until the next one is asked for.
    for (auto code = sqlite3_vtab_in_first(values[i], &v); code == SQLITE_OK && v != nullptr;
         code = sqlite3_vtab_in_next(values[i], &v))
      kept.push_back(sqlite3_value_dup(v));
    setter.set_list(key, kept);
    for (auto* k : kept) sqlite3_value_free(k);
  }
  return limits;
}

cell cell_of(sqlite3_value* v) {
  switch (sqlite3_value_type(v)) {
    case SQLITE_INTEGER:
      return cell::of(static_cast<u64>(sqlite3_value_int64(v)));
    case SQLITE_TEXT:
      return cell::of_text(text_of(v));
    default:
      return {};
  }
}

}  // namespace p11tape::query
