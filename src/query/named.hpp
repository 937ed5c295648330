// SPDX-License-Identifier: Apache-2.0
// The named queries, and the texts that are derived from the model: schemas for people and for the fleet engine.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace p11tape::query {

struct named_query {
  std::string_view name, description;
  std::string_view sqlite, clickhouse;
};

std::span<const named_query> named_queries() noexcept;

/// nullptr if there is none of that name.
const named_query* find_named(std::string_view name) noexcept;

/// The tables and their columns with a sentence each, for people.
std::string schema_text();
/// The same as one JSON object.
std::string schema_json();

/// config/fleet/tables.sql and config/fleet/queries.sql, which a test compares with these.
std::string clickhouse_tables();
std::string clickhouse_views();

/// The name of a named query as the name of a view: pin_risk.
std::string view_name(std::string_view query);

}  // namespace p11tape::query
