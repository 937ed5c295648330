// SPDX-License-Identifier: Apache-2.0
// Functions that SQLite lacks: quantiles, as the fleet engine's quantileExact has them.
#include <algorithm>
#include <new>
#include <vector>

#include "query/engine/parts.hpp"

namespace p11tape::query {
namespace {

using values = std::vector<double>;

struct collection {
  values* all = nullptr;
  double share = 0;
};

void add(sqlite3_context* context, sqlite3_value* value, double share) {
  if (sqlite3_value_type(value) == SQLITE_NULL) return;
  auto* c = static_cast<collection*>(sqlite3_aggregate_context(context, sizeof(collection)));
  if (c == nullptr) return sqlite3_result_error_nomem(context);
  try {
    if (c->all == nullptr) c->all = new values;
    c->all->push_back(sqlite3_value_double(value));
    c->share = share;
  } catch (const std::bad_alloc&) {
    sqlite3_result_error_nomem(context);
  }
}

// quantile(value, share)
void add_with_share(sqlite3_context* context, int, sqlite3_value** arguments) {
  const auto share = sqlite3_value_double(arguments[1]);
  if (share >= 0 && share <= 1) return add(context, arguments[0], share);
  sqlite3_result_error(context, "quantile: the second argument must be between 0 and 1", -1);
}

// p50(value) ...: the share is what the function was registered with, in hundredths.
void add_fixed(sqlite3_context* context, int, sqlite3_value** arguments) {
  add(context, arguments[0], static_cast<double>(*static_cast<const int*>(sqlite3_user_data(context))) / 100);
}

// The element at floor(share * n) of the sorted values, the last one for a share of 1.
void finish(sqlite3_context* context) {
  auto* c = static_cast<collection*>(sqlite3_aggregate_context(context, 0));
  if (c == nullptr || c->all == nullptr) return sqlite3_result_null(context);
  auto& all = *c->all;
  const auto at = std::min(static_cast<std::size_t>(c->share * static_cast<double>(all.size())), all.size() - 1);
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(at), all.end());
  const auto value = all[at];
  if (value >= -9e15 && value <= 9e15 && value == static_cast<double>(static_cast<sqlite3_int64>(value)))
    sqlite3_result_int64(context, static_cast<sqlite3_int64>(value));
  else
    sqlite3_result_double(context, value);
  delete c->all;
  c->all = nullptr;
}

}  // namespace

void add_functions(sqlite3* connection) {
  constexpr int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  sqlite3_create_function_v2(connection, "quantile", 2, flags, nullptr, nullptr, add_with_share, finish, nullptr);
  static const int shares[] = {50, 90, 95, 99};
  static const char* const names[] = {"p50", "p90", "p95", "p99"};
  for (std::size_t i = 0; i < std::size(shares); ++i)
    sqlite3_create_function_v2(connection, names[i], 1, flags, const_cast<int*>(&shares[i]), nullptr, add_fixed, finish,
                               nullptr);
}

}  // namespace p11tape::query
