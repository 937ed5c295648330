-- SPDX-License-Identifier: Apache-2.0
-- The tables of the data model for a cluster named p11tape: clickhouse-client --multiquery < tables.sql
--
-- Made by `p11tape query --schema --engine clickhouse`; a test compares it. Each table X is distributed over
-- the shards by tape; X_local holds a shard's rows. Rows with one key replace each other when parts are merged,
-- and the one of the highest revision stays; until then queries count by key. Written for ClickHouse 18.16.
-- Comments say what newer versions do better. On 20.x and newer:
--   String of few distinct values -> LowCardinality(String); add `time DateTime64(9, 'UTC') ALIAS
--   fromUnixTimestamp64Nano(toInt64(time_ns))`; a projection by (serial, key_label) instead of operations_local.

CREATE DATABASE IF NOT EXISTS p11tape ON CLUSTER p11tape;

-- What the rows mean: `p11tape ship` sends nothing to a server with another version.
CREATE VIEW IF NOT EXISTS p11tape.model_version ON CLUSTER p11tape AS SELECT toUInt64(1) AS version;

-- One row for each tape: a process and the PKCS#11 module that it used.
CREATE TABLE IF NOT EXISTS p11tape.tapes_local ON CLUSTER p11tape (
  tape String,
  file String,
  host String,
  program String,
  pid UInt64,
  uid Nullable(UInt64),
  module String,
  module_build String,
  recorder String,
  profile String,
  filtered UInt8,
  started_ns UInt64,
  ended_ns UInt64,
  calls UInt64,
  errors UInt64,
  unfinished UInt64,
  lost UInt64,
  damaged UInt8,
  logins UInt64,
  failed_logins UInt64,
  sessions UInt64,
  open_sessions UInt64,
  most_open_sessions UInt64,
  initialize_ns Nullable(UInt64),
  login_after_ns Nullable(UInt64),
  revision UInt64
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/p11tape/tapes', '{replica}', revision)
PARTITION BY toDate(toDateTime(intDiv(started_ns, 1000000000)), 'UTC')
ORDER BY (tape)
-- 19.6 and newer, instead of config/fleet/retention: TTL toDate(toDateTime(intDiv(started_ns, 1000000000)), 'UTC') + INTERVAL 30 DAY
;
CREATE TABLE IF NOT EXISTS p11tape.tapes ON CLUSTER p11tape AS p11tape.tapes_local
ENGINE = Distributed(p11tape, p11tape, tapes_local, cityHash64(tape));

-- One row for each call of a PKCS#11 function.
CREATE TABLE IF NOT EXISTS p11tape.calls_local ON CLUSTER p11tape (
  tape String,
  id UInt64,
  number UInt64,
  host String,
  program String,
  pid UInt64,
  thread UInt64,
  time_ns UInt64,
  function String,
  family String,
  state String,
  rv String,
  rv_code Nullable(UInt64),
  duration_ns Nullable(UInt64),
  depth UInt64,
  outer Nullable(UInt64),
  slot Nullable(UInt64),
  token String,
  serial String,
  token_model String,
  firmware String,
  session Nullable(UInt64),
  session_id Nullable(UInt64),
  mechanism String,
  weakness String,
  quantum_safe String,
  object Nullable(UInt64),
  object_id Nullable(UInt64),
  key_label String,
  key_id String,
  object_class String,
  key_type String,
  key_bits Nullable(UInt64),
  input_bytes Nullable(UInt64),
  output_bytes Nullable(UInt64),
  user String,
  pin_given Nullable(UInt64),
  pin_length Nullable(UInt64),
  pin_number Nullable(UInt64),
  pin_anomalies String,
  started_ns UInt64,
  revision UInt64 DEFAULT 0
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/p11tape/calls', '{replica}', revision)
PARTITION BY toDate(toDateTime(intDiv(time_ns, 1000000000)), 'UTC')
ORDER BY (host, function, intDiv(time_ns, 3600000000000), tape, id)
-- 19.6 and newer, instead of config/fleet/retention: TTL toDate(toDateTime(intDiv(time_ns, 1000000000)), 'UTC') + INTERVAL 30 DAY
SETTINGS replicated_deduplication_window = 0
;
CREATE TABLE IF NOT EXISTS p11tape.calls ON CLUSTER p11tape AS p11tape.calls_local
ENGINE = Distributed(p11tape, p11tape, calls_local, cityHash64(tape));

-- One row for each attribute of a template that was passed in or returned.
CREATE TABLE IF NOT EXISTS p11tape.attributes_local ON CLUSTER p11tape (
  tape String,
  call_id UInt64,
  position UInt64,
  number UInt64,
  host String,
  time_ns UInt64,
  function String,
  rv String,
  direction String,
  argument String,
  object Nullable(UInt64),
  attribute String,
  attribute_code UInt64,
  length Nullable(UInt64),
  recorded String,
  value String,
  started_ns UInt64,
  revision UInt64 DEFAULT 0
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/p11tape/attributes', '{replica}', revision)
PARTITION BY toDate(toDateTime(intDiv(time_ns, 1000000000)), 'UTC')
ORDER BY (tape, call_id, position)
-- 19.6 and newer, instead of config/fleet/retention: TTL toDate(toDateTime(intDiv(time_ns, 1000000000)), 'UTC') + INTERVAL 30 DAY
;
CREATE TABLE IF NOT EXISTS p11tape.attributes ON CLUSTER p11tape AS p11tape.attributes_local
ENGINE = Distributed(p11tape, p11tape, attributes_local, cityHash64(tape));

-- One row for each call that takes a PIN.
CREATE TABLE IF NOT EXISTS p11tape.logins_local ON CLUSTER p11tape (
  tape String,
  id UInt64,
  number UInt64,
  host String,
  program String,
  pid UInt64,
  thread UInt64,
  time_ns UInt64,
  function String,
  user String,
  rv String,
  ok UInt8,
  duration_ns Nullable(UInt64),
  slot Nullable(UInt64),
  token String,
  serial String,
  token_model String,
  firmware String,
  session_id Nullable(UInt64),
  pin_given Nullable(UInt64),
  pin_length Nullable(UInt64),
  pin_number Nullable(UInt64),
  pin_anomalies String,
  pin_alarm UInt64,
  started_ns UInt64,
  revision UInt64 DEFAULT 0
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/p11tape/logins', '{replica}', revision)
PARTITION BY toDate(toDateTime(intDiv(time_ns, 1000000000)), 'UTC')
ORDER BY (serial, user, tape, id)
-- 19.6 and newer, instead of config/fleet/retention: TTL toDate(toDateTime(intDiv(time_ns, 1000000000)), 'UTC') + INTERVAL 30 DAY
;
CREATE TABLE IF NOT EXISTS p11tape.logins ON CLUSTER p11tape AS p11tape.logins_local
ENGINE = Distributed(p11tape, p11tape, logins_local, cityHash64(tape));

-- One row for each session.
CREATE TABLE IF NOT EXISTS p11tape.sessions_local ON CLUSTER p11tape (
  tape String,
  id UInt64,
  host String,
  program String,
  pid UInt64,
  thread UInt64,
  handle UInt64,
  slot Nullable(UInt64),
  token String,
  serial String,
  token_model String,
  firmware String,
  read_write UInt8,
  opened_number Nullable(UInt64),
  opened_ns UInt64,
  closed_ns UInt64,
  ended String,
  calls UInt64,
  errors UInt64,
  most_open UInt64,
  revision UInt64,
  started_ns UInt64
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/p11tape/sessions', '{replica}', revision)
PARTITION BY toDate(toDateTime(intDiv(started_ns, 1000000000)), 'UTC')
ORDER BY (tape, id)
-- 19.6 and newer, instead of config/fleet/retention: TTL toDate(toDateTime(intDiv(started_ns, 1000000000)), 'UTC') + INTERVAL 30 DAY
;
CREATE TABLE IF NOT EXISTS p11tape.sessions ON CLUSTER p11tape AS p11tape.sessions_local
ENGINE = Distributed(p11tape, p11tape, sessions_local, cityHash64(tape));

-- One row for each object that the process used, found or created.
CREATE TABLE IF NOT EXISTS p11tape.objects_local ON CLUSTER p11tape (
  tape String,
  id UInt64,
  host String,
  program String,
  handle UInt64,
  slot Nullable(UInt64),
  token String,
  serial String,
  object_class String,
  label String,
  key_id String,
  key_type String,
  key_bits Nullable(UInt64),
  weakness String,
  quantum_safe String,
  on_token Nullable(UInt64),
  is_private Nullable(UInt64),
  is_sensitive Nullable(UInt64),
  is_extractable Nullable(UInt64),
  created UInt8,
  first_seen_ns UInt64,
  last_seen_ns UInt64,
  uses UInt64,
  subject String,
  not_after String,
  not_after_ns Nullable(UInt64),
  revision UInt64,
  started_ns UInt64
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/p11tape/objects', '{replica}', revision)
PARTITION BY toDate(toDateTime(intDiv(started_ns, 1000000000)), 'UTC')
ORDER BY (tape, id)
-- 19.6 and newer, instead of config/fleet/retention: TTL toDate(toDateTime(intDiv(started_ns, 1000000000)), 'UTC') + INTERVAL 30 DAY
;
CREATE TABLE IF NOT EXISTS p11tape.objects ON CLUSTER p11tape AS p11tape.objects_local
ENGINE = Distributed(p11tape, p11tape, objects_local, cityHash64(tape));

-- One row for each exchange between the module and a smart card.
CREATE TABLE IF NOT EXISTS p11tape.exchanges_local ON CLUSTER p11tape (
  tape String,
  call_id UInt64,
  position UInt64,
  number UInt64,
  host String,
  program String,
  function String,
  time_ns UInt64,
  duration_ns UInt64,
  command String,
  header String,
  status String,
  meaning String,
  result UInt64,
  trouble UInt8,
  sent_bytes Nullable(UInt64),
  received_bytes UInt64,
  started_ns UInt64,
  revision UInt64 DEFAULT 0
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/p11tape/exchanges', '{replica}', revision)
PARTITION BY toDate(toDateTime(intDiv(time_ns, 1000000000)), 'UTC')
ORDER BY (tape, call_id, position)
-- 19.6 and newer, instead of config/fleet/retention: TTL toDate(toDateTime(intDiv(time_ns, 1000000000)), 'UTC') + INTERVAL 30 DAY
;
CREATE TABLE IF NOT EXISTS p11tape.exchanges ON CLUSTER p11tape AS p11tape.exchanges_local
ENGINE = Distributed(p11tape, p11tape, exchanges_local, cityHash64(tape));

-- One row for each finding of p11tape diagnose.
CREATE TABLE IF NOT EXISTS p11tape.findings_local ON CLUSTER p11tape (
  tape String,
  id UInt64,
  host String,
  program String,
  pid UInt64,
  rule String,
  slug String,
  severity String,
  headline String,
  explained_by String,
  evidence String,
  fix String,
  number Nullable(UInt64),
  call_id Nullable(UInt64),
  time_ns UInt64,
  revision UInt64,
  started_ns UInt64
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/p11tape/findings', '{replica}', revision)
PARTITION BY toDate(toDateTime(intDiv(started_ns, 1000000000)), 'UTC')
ORDER BY (tape, id)
-- 19.6 and newer, instead of config/fleet/retention: TTL toDate(toDateTime(intDiv(started_ns, 1000000000)), 'UTC') + INTERVAL 30 DAY
;
CREATE TABLE IF NOT EXISTS p11tape.findings ON CLUSTER p11tape AS p11tape.findings_local
ENGINE = Distributed(p11tape, p11tape, findings_local, cityHash64(tape));

-- Calls that returned something other than CKR_OK.
CREATE MATERIALIZED VIEW IF NOT EXISTS p11tape.errors_local ON CLUSTER p11tape
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/p11tape/errors', '{replica}')
PARTITION BY toDate(toDateTime(intDiv(time_ns, 1000000000)), 'UTC') ORDER BY (token_model, function, rv, tape, id)
AS SELECT tape, id, host, program, time_ns, function, rv, rv_code, token, serial, token_model, firmware
FROM p11tape.calls_local WHERE rv NOT IN ('', 'CKR_OK');
CREATE TABLE IF NOT EXISTS p11tape.errors ON CLUSTER p11tape AS p11tape.errors_local
ENGINE = Distributed(p11tape, p11tape, errors_local, cityHash64(tape));

-- Calls that use a key, with the time that they took.
CREATE MATERIALIZED VIEW IF NOT EXISTS p11tape.durations_local ON CLUSTER p11tape
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/p11tape/durations', '{replica}')
PARTITION BY toDate(toDateTime(intDiv(time_ns, 1000000000)), 'UTC') ORDER BY (serial, key_label, key_id, function, tape, id)
AS SELECT tape, id, host, program, time_ns, function, token, serial, key_label, key_id, key_type, key_bits,
  assumeNotNull(duration_ns) AS duration_ns
FROM p11tape.calls_local WHERE family IN ('sign', 'verify', 'encrypt', 'decrypt', 'key') AND isNotNull(duration_ns)
  AND (key_label != '' OR key_id != '');
CREATE TABLE IF NOT EXISTS p11tape.durations ON CLUSTER p11tape AS p11tape.durations_local
ENGINE = Distributed(p11tape, p11tape, durations_local, cityHash64(tape));

-- Calls that begin an operation or make a key.
CREATE MATERIALIZED VIEW IF NOT EXISTS p11tape.operations_local ON CLUSTER p11tape
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/p11tape/operations', '{replica}')
PARTITION BY toDate(toDateTime(intDiv(time_ns, 1000000000)), 'UTC') ORDER BY (mechanism, tape, id)
AS SELECT tape, id, host, program, time_ns, function, mechanism, key_label, key_type, key_bits, weakness,
  quantum_safe, token, serial
FROM p11tape.calls_local WHERE mechanism != '' AND rv = 'CKR_OK' AND (function LIKE '%Init' OR family = 'key');
CREATE TABLE IF NOT EXISTS p11tape.operations ON CLUSTER p11tape AS p11tape.operations_local
ENGINE = Distributed(p11tape, p11tape, operations_local, cityHash64(tape));

