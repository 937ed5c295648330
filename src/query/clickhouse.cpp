// SPDX-License-Identifier: Apache-2.0
// The model as a schema of ClickHouse, from version 18.16 on.
#include "query/model.hpp"
#include "query/named.hpp"

namespace p11tape::query {
namespace {

std::string_view type_of(column_type t) noexcept {
  switch (t) {
    case column_type::count:
    case column_type::time:
      return "UInt64";
    case column_type::number:
      return "Nullable(UInt64)";
    case column_type::flag:
      return "UInt8";
    default:
      return "String";
  }
}

bool has_column(const table_row& t, std::string_view name) { return find_column(t, name) < t.columns.size(); }

// Rows of one key are in one partition, so that they meet in a merge: the time of a call never changes, and the start
// of the tape is that of all that is told of a tape as a whole.
std::string_view partition_time(table t) noexcept {
  switch (t) {
    case table::calls:
    case table::logins:
    case table::attributes:
    case table::exchanges:
      return "time_ns";
    default:
      return "started_ns";
  }
}

// What rows are looked for by comes first.
std::string_view order_of(table t) noexcept {
  switch (t) {
    case table::calls:
      return "host, function, intDiv(time_ns, 3600000000000), tape, id";
    case table::logins:
      return "serial, user, tape, id";
    case table::attributes:
    case table::exchanges:
      return "tape, call_id, position";
    case table::tapes:
      return "tape";
    default:
      return "tape, id";
  }
}

// Partitions are left out by the least and greatest time_ns that they hold, so no column of its own is needed.
std::string day_of(std::string_view time) {
  return "toDate(toDateTime(intDiv(" + std::string(time) + ", 1000000000)), 'UTC')";
}

void append_table(const table_row& t, std::string& out) {
  const std::string name(t.name);
  const auto id = id_of(t);
  out += "-- " + std::string(t.sentence) + ".\n";
  out += "CREATE TABLE IF NOT EXISTS p11tape." + name + "_local ON CLUSTER p11tape (\n";
  for (const auto& c : t.columns)
    if (c.type != column_type::moment) out += "  " + std::string(c.name) + " " + std::string(type_of(c.type)) + ",\n";
  out += has_column(t, "revision") ? "" : "  revision UInt64 DEFAULT 0,\n";
  out.erase(out.size() - 2, 1);  // the last comma
  out += ") ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/p11tape/" + name +
         "', '{replica}', revision)\n";
  out += "PARTITION BY " + day_of(partition_time(id)) + "\nORDER BY (" + std::string(order_of(id)) + ")\n";
  out += "-- 19.6 and newer, instead of config/fleet/retention: TTL " + day_of(partition_time(id)) +
         " + INTERVAL 30 DAY\n";
  // A server that was killed has a block of calls that the views never saw. If the block is dropped as a duplicate when
  // it is sent again, they never will: so it is written again, as the views' copies of it are if they are not there.
  if (id == table::calls) out += "SETTINGS replicated_deduplication_window = 0\n";
  out += ";\n";
  out += "CREATE TABLE IF NOT EXISTS p11tape." + name + " ON CLUSTER p11tape AS p11tape." + name +
         "_local\nENGINE = Distributed(p11tape, p11tape, " + name + "_local, cityHash64(tape));\n\n";
}

// Copies of the rows that questions are about, so that these do not read all calls. A row that arrives twice is there
// twice with the same key, as in the table itself.
void append_part(std::string_view name, std::string_view sentence, std::string_view columns, std::string_view where,
                 std::string_view order, std::string& out) {
  const std::string n(name);
  out += "-- " + std::string(sentence) + "\n";
  out += "CREATE MATERIALIZED VIEW IF NOT EXISTS p11tape." + n + "_local ON CLUSTER p11tape\n";
  out += "ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/p11tape/" + n + "', '{replica}')\n";
  out += "PARTITION BY " + day_of("time_ns") + " ORDER BY (" + std::string(order) + ")\nAS SELECT " +
         std::string(columns) + "\nFROM p11tape.calls_local WHERE " + std::string(where) + ";\n";
  out += "CREATE TABLE IF NOT EXISTS p11tape." + n + " ON CLUSTER p11tape AS p11tape." + n +
         "_local\nENGINE = Distributed(p11tape, p11tape, " + n + "_local, cityHash64(tape));\n\n";
}

}  // namespace

std::string view_name(std::string_view query) {
  std::string name(query);
  for (auto& c : name)
    if (c == '-') c = '_';
  return name;
}

std::string clickhouse_tables() {
  std::string out =
      "-- SPDX-License-Identifier: Apache-2.0\n"
      "-- The tables of the data model for a cluster named p11tape: clickhouse-client --multiquery < tables.sql\n"
      "--\n"
      "-- Made by `p11tape query --schema --engine clickhouse`; a test compares it. Each table X is distributed over\n"
      "-- the shards by tape; X_local holds a shard's rows. Rows with one key replace each other when parts are merged,\n"
      "-- and the one of the highest revision stays; until then queries count by key. Written for ClickHouse 18.16.\n"
      "-- Comments say what newer versions do better. On 20.x and newer:\n"
      "--   String of few distinct values -> LowCardinality(String); add `time DateTime64(9, 'UTC') ALIAS\n"
      "--   fromUnixTimestamp64Nano(toInt64(time_ns))`; a projection by (serial, key_label) instead of operations_local.\n\n"
      "CREATE DATABASE IF NOT EXISTS p11tape ON CLUSTER p11tape;\n\n"
      "-- What the rows mean: `p11tape ship` sends nothing to a server with another version.\n"
      "CREATE VIEW IF NOT EXISTS p11tape.model_version ON CLUSTER p11tape AS SELECT toUInt64(" +
      std::to_string(model_version) + ") AS version;\n\n";
  for (const auto& t : tables()) append_table(t, out);
  append_part("errors", "Calls that returned something other than CKR_OK.",
              "tape, id, host, program, time_ns, function, rv, rv_code, token, serial, token_model, firmware",
              "rv NOT IN ('', 'CKR_OK')", "token_model, function, rv, tape, id", out);
  append_part("durations", "Calls that use a key, with the time that they took.",
              "tape, id, host, program, time_ns, function, token, serial, key_label, key_id, key_type, key_bits,\n"
              "  assumeNotNull(duration_ns) AS duration_ns",
              "family IN ('sign', 'verify', 'encrypt', 'decrypt', 'key') AND isNotNull(duration_ns)\n"
              "  AND (key_label != '' OR key_id != '')",
              "serial, key_label, key_id, function, tape, id", out);
  append_part("operations", "Calls that begin an operation or make a key.",
              "tape, id, host, program, time_ns, function, mechanism, key_label, key_type, key_bits, weakness,\n"
              "  quantum_safe, token, serial",
              "mechanism != '' AND rv = 'CKR_OK' AND (function LIKE '%Init' OR family = 'key')", "mechanism, tape, id",
              out);
  return out;
}

std::string clickhouse_views() {
  std::string out =
      "-- SPDX-License-Identifier: Apache-2.0\n"
      "-- The named queries as views: SELECT * FROM p11tape.pin_risk. Send the file to one server of the cluster.\n"
      "--\n"
      "-- Made by `p11tape query --list --engine clickhouse`; a test compares it, and their rows with those of\n"
      "-- `p11tape query NAME`.\n\n";
  for (const auto& q : named_queries()) {
    out += "-- " + std::string(q.description) + ".\n";
    out += "CREATE VIEW IF NOT EXISTS p11tape." + view_name(q.name) + " ON CLUSTER p11tape AS\n" +
           std::string(q.clickhouse) + ";\n\n";
  }
  out.pop_back();
  return out;
}

}  // namespace p11tape::query
