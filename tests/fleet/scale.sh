#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: scale.sh P11TAPE MAKE_TAPE [ROWS...] (on call: 100000000 rows take 10 GB of disk, and minutes)
#
# What a fleet costs, on one node of ClickHouse: rows a second that p11tape-ship sends and the server takes, by CPU time;
# then time and memory of each named query over so many calls (1000000 10000000), which the server makes itself: 10,000
# hosts, 20 tokens, 200 keys, a week. The numbers of config/fleet/README.md come from here. CLUSTER_MEMORY is the most that
# a query may take, in bytes.
export CLUSTER_MEMORY=${CLUSTER_MEMORY:-6000000000}
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/cluster.sh"
make_tape=$make_fleet
shift 2
[[ $# -gt 0 ]] || set -- 1000000 10000000
missing=$(cluster_missing)
[[ -z $missing ]] || { echo "$missing is not installed (tools/install-packages)" >&2; exit 2; }
trap 'cluster_stop; cleanup' EXIT

cluster_start "$directory/cluster" 1
apply "$fleet/tables.sql"
apply "$fleet/queries.sql"

cpu_of() { # cpu_of PID: its CPU time in seconds
  python3 -c 'import os,sys; f=open(f"/proc/{sys.argv[1]}/stat").read().rsplit(")",1)[1].split(); print((int(f[11])+int(f[12]))/os.sysconf("SC_CLK_TCK"))' "$1"
}
# run STATEMENT: its time in seconds.
run() { curl -sS --fail-with-body --max-time 3600 -o "$directory/answer" -w '%{time_total}' "http://127.0.0.1:${http_port[1]}/" --data-binary @- <<<"$1" || { cat "$directory/answer" >&2; exit 1; }; }

"$make_tape" "$directory/one.p11tape" 1000000 4
before=$(cpu_of "${shard_pid[1]}")
P11TAPE_SHIP_PASSWORD=ship bash -c 'TIMEFORMAT="%U %S"; time "$0" "$@"' "$p11tape" ship --to "http://127.0.0.1:${http_port[1]}" --user ship \
  --spool "$directory/spool" "$directory/one.p11tape" >"$directory/sent" 2>"$directory/time"
rows=$(cut -d' ' -f1 "$directory/sent")
python3 - "$rows" "$before" "$(cpu_of "${shard_pid[1]}")" "$(tail -1 "$directory/time")" "$(sql 1 "SELECT sum(bytes) FROM system.parts WHERE database = 'p11tape' AND active")" <<'PY'
import sys
rows, server, ship, size = int(sys.argv[1]), float(sys.argv[3]) - float(sys.argv[2]), sum(map(float, sys.argv[4].split())), int(sys.argv[5])
print(f"ingest of 1000000 calls, {rows} rows: p11tape-ship {rows / ship:.0f} rows/s and core, the server {rows / server:.0f}; {size / 1000000:.1f} bytes on disk for each call")
PY

for table in $(sql 1 "SELECT name FROM system.tables WHERE database = 'p11tape' AND engine LIKE '%MergeTree' AND name NOT LIKE '.inner%'"); do
  run "TRUNCATE TABLE p11tape.$table" >/dev/null
done
# The tables of the views behind errors, operations and durations.
for table in $(sql 1 "SELECT name FROM system.tables WHERE database = 'p11tape' AND name LIKE '.inner%'"); do
  run "TRUNCATE TABLE p11tape.\`$table\`" >/dev/null
done

hosts=10000
start=1795284000000000000
who="hex(cityHash64(n % $hosts)) AS tape, concat('host', toString(n % $hosts)) AS host, if(n % 3 = 0, 'payd', 'signd') AS program, n % $hosts + 1000 AS pid"
token="'payments' AS token, toString(n % 20) AS serial, 'HSM 7' AS token_model"
insert() { # insert TABLE COLUMNS SELECTION FROM COUNT
  run "INSERT INTO p11tape.$1_local ($2) SELECT $3 FROM (SELECT number + $4 AS n FROM numbers($5))" >/dev/null
}
made=0
printf '%-24s %12s %10s %10s\n' query calls seconds MB
for calls in "$@"; do
  step=$((604800000000000 / (calls / 1000)))  # ns between two calls, in thousandths
  time="$start + intDiv(n * $step, 1000) AS time_ns, if(n * 2 > $calls, '2.1', '1.1') AS firmware"
  for table in $(sql 1 "SELECT name FROM system.tables WHERE database = 'p11tape' AND (engine LIKE '%MergeTree' OR name LIKE '.inner%')"); do
    run "TRUNCATE TABLE p11tape.\`$table\`" >/dev/null
  done
  for ((made = 0; made < calls; made += 5000000)); do
    insert calls 'tape, host, program, pid, token, serial, token_model, time_ns, firmware, id, number, thread, function, family, state, rv, rv_code, duration_ns, slot, session, session_id, mechanism, quantum_safe, object, object_id, key_label, key_id, object_class, key_type, key_bits, started_ns' \
      "$who, $token, $time, n AS id, intDiv(n, $hosts) AS number, 1 AS thread,
       ['C_FindObjectsInit', 'C_FindObjects', 'C_FindObjectsFinal', 'C_GetAttributeValue', 'C_GetAttributeValue', 'C_SignInit', 'C_Sign', 'C_Sign', 'C_GetSessionInfo'][number % 9 + 1] AS function,
       ['search', 'search', 'search', 'object', 'object', 'sign', 'sign', 'sign', 'session'][number % 9 + 1] AS family, 'returned' AS state,
       if(cityHash64(n) % 500 = 0, ['CKR_DEVICE_ERROR', 'CKR_SESSION_HANDLE_INVALID', 'CKR_FUNCTION_FAILED', 'CKR_GENERAL_ERROR'][n % 4 + 1], 'CKR_OK') AS rv,
       if(rv = 'CKR_OK', 0, 48) AS rv_code, 700 + cityHash64(n) % 1000000 AS duration_ns, 5 AS slot, 1 AS session, intDiv(number, 1000) AS session_id,
       if(family = 'sign', if(n % 97 = 0, 'CKM_SHA1_RSA_PKCS', 'CKM_SHA256_RSA_PKCS'), '') AS mechanism, if(family = 'sign', 'no', '') AS quantum_safe,
       42 AS object, 43 AS object_id, if(family = 'sign', concat('key', toString(n % 200)), '') AS key_label, if(family = 'sign', '01', '') AS key_id,
       if(family = 'sign', 'CKO_PRIVATE_KEY', '') AS object_class, if(family = 'sign', 'CKK_RSA', '') AS key_type, if(family = 'sign', 2048, NULL) AS key_bits, $start AS started_ns" \
      "$made" $((calls - made < 5000000 ? calls - made : 5000000))
  done
  few=$((calls / 1000))
  scaled="$start + intDiv(n * $step, 1) AS time_ns, if(n * 2 > $few, '2.1', '1.1') AS firmware"
  insert logins 'tape, host, program, pid, token, serial, token_model, time_ns, firmware, id, number, function, user, rv, ok, started_ns' \
    "$who, $token, $scaled, n AS id, n AS number, 'C_Login' AS function, 'CKU_USER' AS user, if(cityHash64(n) % 50 = 0, 'CKR_PIN_INCORRECT', 'CKR_OK') AS rv, rv = 'CKR_OK' AS ok, $start AS started_ns" 0 $few
  insert sessions 'tape, host, program, pid, token, serial, token_model, opened_ns, firmware, id, closed_ns, most_open, revision, started_ns' \
    "$who, $token, $scaled, n AS id, if(n % 100 = 0, 0, time_ns + 1000) AS closed_ns, 1 AS most_open, 1 AS revision, $start AS started_ns" 0 $few
  insert tapes 'tape, host, program, pid, login_after_ns, initialize_ns, calls, revision, started_ns' \
    "$who, cityHash64(n) % 1000000000 AS login_after_ns, 1000000 AS initialize_ns, 1 AS calls, 1 AS revision, $start AS started_ns" 0 $hosts
  insert objects 'tape, host, program, token, serial, label, subject, not_after, not_after_ns, last_seen_ns, id, revision, started_ns' \
    "hex(cityHash64(n % $hosts)) AS tape, concat('host', toString(n % $hosts)) AS host, 'payd' AS program, 'payments' AS token, toString(n % 20) AS serial, concat('certificate', toString(n % 300)) AS label,
     concat('CN=', label) AS subject, '2026-12-31' AS not_after, 1798675200000000000 AS not_after_ns, $start AS last_seen_ns, n AS id, 1 AS revision, $start AS started_ns" 0 $((3 * hosts))
  insert findings 'tape, host, program, pid, id, rule, slug, headline, fix, revision, started_ns' \
    "$who, n AS id, 'P5' AS rule, if(n % 10 = 0, 'label-absent', 'polling') AS slug, 'A headline' AS headline, 'A fix' AS fix, 1 AS revision, $start AS started_ns" 0 $hosts
  for name in $("$p11tape" query --list | cut -d' ' -f1); do
    seconds=$(run "SELECT * FROM p11tape.${name//-/_} FORMAT Null")
    memory=$(grep -o 'Peak memory usage (for query): [0-9.]* [KMG]iB' "$directory/cluster/shard1/log" | tail -1 | cut -d' ' -f6-)
    printf '%-24s %12s %10.2f %10s\n' "$name" "$calls" "$seconds" "$memory"
  done
  sql 1 "SELECT concat('rows and bytes on disk: ', toString(sum(rows)), ' ', toString(sum(bytes))) FROM system.parts WHERE database = 'p11tape' AND active"
done
