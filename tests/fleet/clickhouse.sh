#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The fleet engine itself: two shards of ClickHouse. One is killed while rows arrive, and comes back: nothing is lost or
# doubled, and every named query has the rows that p11tape query has.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/cluster.sh"
missing=$(cluster_missing)
if [[ -n $missing ]]; then
  echo "skipped: $missing is not installed (tools/install-packages)"
  exit 77
fi
trap 'cluster_stop; cleanup' EXIT

mkdir "$directory/tapes"
"$make_fleet" "$directory/tapes" 50 60
cluster_start "$directory/cluster" 2
apply "$fleet/tables.sql"
apply "$fleet/queries.sql"
echo ship >"$directory/password"
chmod 600 "$directory/password"
ship() {
  "$p11tape" ship --to "http://127.0.0.1:${http_port[1]}" --user ship --password-file "$directory/password" \
    --spool "$directory/spool" --batch 500 "$@" "$directory/tapes"
}
check 'the server is of this version' "$(status_of ship --check)" 0

# Calls that the views of a shard have not seen, as after a kill between the two: they see them when these are sent again.
for shard in 1 2; do for view in errors operations durations; do sql $shard "DETACH TABLE p11tape.${view}_local"; done; done
check 'shipped without the views' "$(status_of "$p11tape" ship --to "http://127.0.0.1:${http_port[1]}" --user ship \
  --password-file "$directory/password" --spool "$directory/spool" "$directory/tapes/host045.p11tape")" 0
for shard in 1 2; do for view in errors operations durations; do sql $shard "ATTACH TABLE p11tape.${view}_local"; done; done
rm "$directory/spool/state"

# A shard dies while rows arrive; the shipper is patient until it is back.
ship --patience 60 >"$directory/ship.out" 2>"$directory/ship.err" &
shipping=$!
rows_arrive() { [[ $(sql 1 'SELECT count() > 0 FROM p11tape.calls_local') == 1 ]]; }
wait_for 60 rows_arrive
shard_kill 2
sleep 1
shard_start 2
wait "$shipping" && status=0 || status=$?
check 'shipped' "$status $(cat "$directory/ship.err")" '0 '
# A batch that was confirmed twice, as after a crash between the answer and the deletion: all of it again.
rm "$directory/spool/state"
check 'shipped again' "$(status_of ship)" 0

count() { sql 1 "SELECT uniqExact(tape, id) FROM p11tape.$1"; }
for table in calls logins sessions objects findings; do
  check "rows of $table" "$(count "$table")" "$("$p11tape" query --format csv "SELECT count(*) FROM $table" "$directory/tapes" | tail -1)"
done
for view in "operations mechanism <> '' AND rv = 'CKR_OK' AND (function LIKE '%Init' OR family = 'key')" \
  "errors rv NOT IN ('', 'CKR_OK')" \
  "durations family IN ('sign', 'verify', 'encrypt', 'decrypt', 'key') AND duration_ns NOT NULL AND (key_label <> '' OR key_id <> '')"; do
  check "rows of ${view%% *}" "$(count "${view%% *}")" \
    "$("$p11tape" query --format csv "SELECT count(*) FROM calls WHERE ${view#* }" "$directory/tapes" | tail -1)"
done
check 'rows on both shards' "$(sql 1 'SELECT count() > 0 FROM p11tape.calls_local')$(sql 2 'SELECT count() > 0 FROM p11tape.calls_local')" 11

compare() { # compare NAME: the rows of both engines
  "$p11tape" query --format csv "$1" "$directory/tapes" >"$directory/here.csv"
  sql 1 "SELECT * FROM p11tape.${1//-/_} FORMAT CSVWithNames" >"$directory/there.csv"
  python3 - "$directory/here.csv" "$directory/there.csv" <<'PY' || check "query $1" "$(head -3 "$directory/there.csv")" "$(head -3 "$directory/here.csv")"
import csv, sys
here, there = ([[("" if v == "\\N" else v) for v in row] for row in csv.reader(open(p, newline=""))] for p in sys.argv[1:])
if here != there:
    print(len(here), len(there), next(((a, b) for a, b in zip(here, there) if a != b), ""), file=sys.stderr)
    sys.exit(1)
PY
}
for name in $("$p11tape" query --list | cut -d' ' -f1); do compare "$name"; done
check 'the fault is found there too' "$(sql 1 'SELECT host FROM p11tape.pin_risk')" host007

# A server of another version, and one without the tables.
sql 1 'DROP TABLE p11tape.model_version' >/dev/null
check 'no tables of ours' "$(status_of ship)" 2
said 'apply config/fleet/tables.sql'
finish
