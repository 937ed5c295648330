#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: demo.sh P11TAPE MAKE_FLEET (tools/demo --fleet runs it)
#
# A fleet of 50 hosts on one machine: two shards of ClickHouse as ordinary processes on loopback, the tapes of 50
# simulated hosts with faults hidden in them, shipped by p11tape ship. The named queries find the faults, and the same
# queries by p11tape query over the same tapes give the same rows. Everything is removed at the end.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/cluster.sh"
missing=$(cluster_missing)
[[ -z $missing ]] || { echo "$missing is not installed (tools/install-packages)" >&2; exit 2; }
trap 'cluster_stop; cleanup' EXIT
say() { printf '\n==> %s\n' "$*"; }

say "Making the tapes of 50 hosts in $directory/tapes"
mkdir "$directory/tapes"
"$make_fleet" "$directory/tapes" 50 60
"$p11tape" query "SELECT count(DISTINCT host) AS hosts, count(*) AS calls FROM calls" "$directory/tapes"

say 'Starting ZooKeeper and two shards of ClickHouse on loopback'
cluster_start "$directory/cluster" 2
apply "$fleet/tables.sql"
apply "$fleet/queries.sql"

say 'Shipping: p11tape ship --to http://127.0.0.1:... tapes'
P11TAPE_SHIP_PASSWORD=ship "$p11tape" ship --to "http://127.0.0.1:${http_port[1]}" --user ship --spool "$directory/spool" "$directory/tapes"
echo "calls on shard 1 and 2: $(sql 1 'SELECT count() FROM p11tape.calls_local') and $(sql 2 'SELECT count() FROM p11tape.calls_local')"

ask() { # ask QUESTION NAME LIMIT: by both engines
  say "$1   (SELECT * FROM p11tape.${2//-/_})"
  sql 1 "SELECT * FROM p11tape.${2//-/_} LIMIT $3 FORMAT PrettyCompact"
  sql 1 "SELECT * FROM p11tape.${2//-/_} FORMAT CSVWithNames" >"$directory/there"
  "$p11tape" query --format csv "$2" "$directory/tapes" >"$directory/here"
  python3 - "$directory/here" "$directory/there" <<'PY'
import csv, sys
here, there = ([["" if v == "\\N" else v for v in row] for row in csv.reader(open(p, newline=""))] for p in sys.argv[1:])
if here != there:
    sys.exit("p11tape query gives other rows")
print(f"p11tape query gives the same {len(here) - 1} rows.")
PY
}
ask 'Which hosts are about to lock the partition?' pin-risk 3
ask 'Who leaves sessions open?' session-leaks 3
ask 'Who still uses SHA-1, or RSA-1024?' mechanism-inventory 3
ask 'Which return codes are new since the firmware update?' new-errors 3
for name in slow-keys login-rate label-mismatches slow-starts expiring-certificates; do ask "$name" "$name" 3 | tail -1 | sed "s/^/$name: /"; done

found() { sql 1 "$1" | grep -qx "$2" || { echo "$2 was not found" >&2; exit 1; }; }
found 'SELECT host FROM p11tape.pin_risk' host007
found 'SELECT host FROM p11tape.session_leaks' host023
found "SELECT DISTINCT host FROM p11tape.operations WHERE weakness = 'SHA-1, RSA-1024'" host041
say 'The three faults were found: host007 (wrong PIN), host023 (sessions), host041 (SHA-1 with RSA-1024)'
