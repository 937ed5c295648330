-- SPDX-License-Identifier: Apache-2.0
-- The named queries as views: SELECT * FROM p11tape.pin_risk. Send the file to one server of the cluster.
--
-- Made by `p11tape query --list --engine clickhouse`; a test compares it, and their rows with those of
-- `p11tape query NAME`.

-- Hosts whose failed logins bring a PIN closer to being locked, since the last good login on the token. alarm: 1 count low, 2 final try, 3 locked.
CREATE VIEW IF NOT EXISTS p11tape.pin_risk ON CLUSTER p11tape AS
SELECT token, serial, user, host, program, count() AS failures, max(alarm_then) AS alarm,
  toString(toDateTime(intDiv(max(time_ns), 1000000000), 'UTC')) AS last_failure
FROM (
  SELECT token, serial, user, host, program, time_ns, if(rv = 'CKR_PIN_LOCKED', toUInt64(3), pin_alarm) AS alarm_then
  FROM p11tape.logins WHERE rv IN ('CKR_PIN_INCORRECT', 'CKR_PIN_LOCKED') LIMIT 1 BY tape, id)
ANY LEFT JOIN (
  SELECT serial, token, user, max(time_ns) AS good_ns FROM p11tape.logins
  WHERE ok = 1 AND function IN ('C_Login', 'C_LoginUser') GROUP BY serial, token, user)
USING serial, token, user
WHERE time_ns > good_ns
GROUP BY token, serial, user, host, program
ORDER BY alarm DESC, failures DESC, token, serial, user, host, program;

-- Return values that were first seen under a firmware that is not the first one of its token model.
CREATE VIEW IF NOT EXISTS p11tape.new_errors ON CLUSTER p11tape AS
SELECT token_model, firmware, function, rv, calls, hosts,
  toString(toDateTime(intDiv(first_ns, 1000000000), 'UTC')) AS first_seen
FROM (
  SELECT token_model, firmware, function, rv, calls, hosts, first_ns, earliest_ns, since_ns
  FROM (
    SELECT token_model, firmware, function, rv, calls, hosts, first_ns, earliest_ns
    FROM (
      SELECT token_model, firmware, function, rv, uniqExact(tape, id) AS calls, uniqExact(host) AS hosts,
        min(time_ns) AS first_ns
      FROM p11tape.errors WHERE firmware <> '' GROUP BY token_model, firmware, function, rv)
    ANY INNER JOIN (
      SELECT token_model, function, rv, min(time_ns) AS earliest_ns FROM p11tape.errors WHERE firmware <> ''
      GROUP BY token_model, function, rv)
    USING token_model, function, rv)
  ANY INNER JOIN (
    SELECT token_model, firmware, min(opened_ns) AS since_ns FROM p11tape.sessions
    WHERE firmware <> '' AND opened_ns > 0 GROUP BY token_model, firmware)
  USING token_model, firmware)
ANY INNER JOIN (
  SELECT token_model, min(opened_ns) AS oldest_ns FROM p11tape.sessions WHERE firmware <> '' AND opened_ns > 0
  GROUP BY token_model)
USING token_model
WHERE first_ns = earliest_ns AND since_ns > oldest_ns
ORDER BY token_model, firmware, function, rv;

-- Keys by the time that their operations take, the slowest 50 by p99.
CREATE VIEW IF NOT EXISTS p11tape.slow_keys ON CLUSTER p11tape AS
SELECT token, serial, key_label, key_id, key_type, key_bits, function, count() AS calls,
  quantileExact(0.5)(duration_ns) AS p50_ns, quantileExact(0.99)(duration_ns) AS p99_ns, max(duration_ns) AS max_ns
FROM (
  SELECT token, serial, key_label, key_id, key_type, key_bits, function, duration_ns FROM p11tape.durations
  LIMIT 1 BY tape, id)
GROUP BY token, serial, key_label, key_id, key_type, key_bits, function
ORDER BY p99_ns DESC, token, serial, key_label, key_id, function LIMIT 50;

-- Logins of each program, how many of them failed, and how many there were in its busiest minute.
CREATE VIEW IF NOT EXISTS p11tape.login_rate ON CLUSTER p11tape AS
SELECT host, program, sum(n) AS logins, sum(bad) AS failed, max(n) AS busiest_minute
FROM (
  SELECT host, program, minute, count() AS n, sum(1 - ok) AS bad
  FROM (
    SELECT host, program, intDiv(time_ns, 60000000000) AS minute, ok FROM p11tape.logins
    WHERE function IN ('C_Login', 'C_LoginUser') LIMIT 1 BY tape, id)
  GROUP BY host, program, minute)
GROUP BY host, program ORDER BY busiest_minute DESC, logins DESC, host, program;

-- Processes that left 10 or more sessions open.
CREATE VIEW IF NOT EXISTS p11tape.session_leaks ON CLUSTER p11tape AS
SELECT host, program, pid, tape, count() AS opened, sum(closed = 0) AS still_open, max(most) AS most_open
FROM (
  SELECT host, program, pid, tape, id, argMax(closed_ns, revision) AS closed, max(most_open) AS most
  FROM p11tape.sessions GROUP BY host, program, pid, tape, id)
GROUP BY host, program, pid, tape HAVING still_open >= 10
ORDER BY still_open DESC, host, program, pid, tape;

-- Mechanisms with types and sizes of their keys: what is weak, what is not quantum-safe, who uses it.
CREATE VIEW IF NOT EXISTS p11tape.mechanism_inventory ON CLUSTER p11tape AS
SELECT mechanism, key_type, key_bits, weakness, quantum_safe, uniqExact(tape, id) AS uses,
  uniqExact(host) AS hosts, toString(toDateTime(intDiv(max(time_ns), 1000000000), 'UTC')) AS last_used
FROM p11tape.operations
GROUP BY mechanism, key_type, key_bits, weakness, quantum_safe
ORDER BY weakness = '', quantum_safe = 'yes', uses DESC, mechanism, key_type, key_bits;

-- Programs that look for a token or an object by a label that is not there.
CREATE VIEW IF NOT EXISTS p11tape.label_mismatches ON CLUSTER p11tape AS
SELECT host, program, pid, rule, slug, headline, fix
FROM (
  SELECT tape, revision, host, program, pid, rule, slug, headline, fix FROM p11tape.findings
  WHERE slug LIKE 'label-%' OR slug = 'object-not-found' LIMIT 1 BY tape, id, revision)
ANY INNER JOIN (SELECT tape, max(revision) AS revision FROM p11tape.tapes GROUP BY tape) USING tape, revision
ORDER BY host, program, pid, rule, headline;

-- Programs by the time from their first call to the end of the first successful login.
CREATE VIEW IF NOT EXISTS p11tape.slow_starts ON CLUSTER p11tape AS
SELECT host, program, count() AS starts, quantileExact(0.5)(login) AS p50_ns, max(login) AS max_ns,
  max(initialize) AS max_initialize_ns
FROM (
  SELECT host, program, tape, argMax(assumeNotNull(login_after_ns), revision) AS login,
    argMax(ifNull(initialize_ns, toUInt64(0)), revision) AS initialize
  FROM p11tape.tapes WHERE isNotNull(login_after_ns) GROUP BY host, program, tape)
GROUP BY host, program ORDER BY max_ns DESC, host, program;

-- Certificates that had less than 90 days to run when they were last seen; -1: expired.
CREATE VIEW IF NOT EXISTS p11tape.expiring_certificates ON CLUSTER p11tape AS
SELECT label, subject, not_after, token, serial, hosts,
  if(end_ns < last_ns, toInt64(-1), toInt64(intDiv(end_ns - last_ns, 86400000000000))) AS days_left
FROM (
  SELECT label, subject, not_after, token, serial, uniqExact(host) AS hosts,
    max(assumeNotNull(not_after_ns)) AS end_ns, max(last_seen_ns) AS last_ns
  FROM p11tape.objects WHERE isNotNull(not_after_ns) GROUP BY label, subject, not_after, token, serial)
WHERE end_ns < last_ns + 7776000000000000
ORDER BY end_ns, label, subject, token, serial;
