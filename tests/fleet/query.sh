#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# p11tape query on the command line: forms of results, errors with their place, refusals, interruption.
source "$(dirname "$0")/lib.sh"

mkdir "$directory/tapes"
"$make_fleet" "$directory/tapes" 50 4
query() { "$p11tape" query "$@"; }

check 'three faults are found: PIN' "$(query --format csv pin-risk "$directory/tapes" | tail -n +2 | cut -d, -f1-7)" \
  'payments,0816,CKU_USER,host007,signd,3,2'
check 'sessions' "$(query --format csv session-leaks "$directory/tapes" | tail -n +2 | cut -d, -f1,2,5,6)" 'host023,signd,41,41'
check 'weak mechanism and key' "$(query --format csv mechanism-inventory "$directory/tapes" | sed -n 2p | cut -d, -f1-8)" \
  'CKM_SHA1_RSA_PKCS,CKK_RSA,1024,"SHA-1, RSA-1024",no,4,1'
check 'new errors' "$(query --format csv new-errors "$directory/tapes" | tail -n +2 | cut -d, -f1-6)" \
  'HSM 7,2.1,C_Sign,CKR_DEVICE_ERROR,1,1'
check 'slow start' "$(query --format csv slow-starts "$directory/tapes" | sed -n 2p | cut -d, -f2,3)" 'payd,1'

# A finding that several processes share is a row of each, as it is if their hosts send them one by one.
mkdir "$directory/shared"
cp "$directory/tapes/host007.p11tape" "$directory/shared/a.p11tape"
cp "$directory/tapes/host007.p11tape" "$directory/shared/b.p11tape"
count_findings() { query --format csv 'SELECT count(*) FROM findings' "$@" | tail -1; }
alone=$(count_findings "$directory/shared/a.p11tape")
[[ $alone -gt 0 ]] || check 'findings' "$alone" 'at least one'
check 'findings of two processes' "$(count_findings "$directory/shared")" $((2 * alone))

sql="SELECT host, count(*) AS calls, NULL AS none, 1.5 AS half FROM calls WHERE host < 'host002' GROUP BY host"
check 'csv' "$(query --format csv "$sql" "$directory/tapes")" $'host,calls,none,half\nhost000,19,,1.5\nhost001,19,,1.5'
check 'json' "$(query --format json "$sql" "$directory/tapes" | python3 -c 'import json,sys; print(json.load(sys.stdin)[1])')" \
  "{'host': 'host001', 'calls': 19, 'none': None, 'half': 1.5}"
check 'table' "$(query "$sql" "$directory/tapes" | tail -1)" 'host001     19         1.5'

for name in $(query --list | cut -d' ' -f1); do
  check "named query $name" "$(status_of "$p11tape" query "$name" "$directory/tapes")" 0
done
check 'schema names every table' "$(query --schema | grep -cE '^[a-z]+: ')" 8
check 'schema as JSON' "$(query --schema --format json | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["tables"]))')" 8

check 'wrong SQL' "$(status_of "$p11tape" query 'SELECT nonsense FROM calls' "$directory/tapes")" 2
said 'no such column: nonsense'
said '         ^ here'
check 'unknown name' "$(status_of "$p11tape" query pin-rsik "$directory/tapes")" 2
said '--list shows the names'
check 'read-only' "$(status_of "$p11tape" query "ATTACH '$directory/x' AS x" "$directory/tapes")" 2
said 'only SELECT is possible'
[[ ! -e $directory/x ]] || check 'no file' created none
check 'no query' "$(status_of "$p11tape" query)" 64
check 'no tape' "$(status_of "$p11tape" query pin-risk)" 64
check 'wrong format' "$(status_of "$p11tape" query --format xml pin-risk "$directory/tapes")" 64

# Interrupted in the middle of a statement that never ends. Once: without --foreground, timeout also signals its group,
# and a second interrupt ends the program at once.
timeout --foreground --preserve-status -s INT 2 "$p11tape" query \
  'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n' "$directory/tapes" \
  >"$directory/out" 2>"$directory/err" && status=0 || status=$?
check 'interrupted' "$status" 2
said 'interrupted'

# A damaged tape: its rows up to the damage, and a sentence.
head -c $(($(stat -c %s "$directory/tapes/host000.p11tape") - 65000)) "$directory/tapes/host000.p11tape" >"$directory/cut.p11tape"
check 'damaged tape' "$(status_of "$p11tape" query 'SELECT count(*) FROM calls' "$directory/cut.p11tape")" 0
said 'cut.p11tape: '
finish
