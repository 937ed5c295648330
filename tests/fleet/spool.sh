#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# p11tape ship against a server that behaves badly: rows wait in a bounded spool, arrive once, and no secret is said.
source "$(dirname "$0")/lib.sh"

mkdir "$directory/tapes"
"$make_fleet" "$directory/tapes" 4 30
calls=$("$p11tape" query --format csv 'SELECT count(*) FROM calls' "$directory/tapes" | tail -1)
server_pid=
serve() { # serve BEHAVIOUR: a server of its own process; its port is in $port
  rm -f "$directory/port"
  python3 "$(dirname "$0")/server.py" "$1" "$directory/port" "$directory/received" &
  server_pid=$!
  while [[ ! -s $directory/port ]]; do sleep 0.1; done
  port=$(cat "$directory/port")
}
unserve() { kill "$server_pid" 2>/dev/null || true; wait "$server_pid" 2>/dev/null || true; server_pid=; }
trap 'unserve; cleanup' EXIT
ship() { "$p11tape" ship --to "http://127.0.0.1:$port" --spool "$directory/${spool:-spool}" --patience "${patience:-2}" "$@" "$directory/tapes"; }
received() { python3 "$(dirname "$0")/server.py" count "$directory/received" "$1"; }

export P11TAPE_SHIP_PASSWORD=verysecret
serve error500
check '500: exit status' "$(status_of ship --user me)" 2
said 'HTTP status 500'
said 'batches wait in the spool'
unserve
check 'batches wait' "$([[ $(find "$directory/spool" -name '*.gz' | wc -l) -gt 0 ]] && echo yes)" yes
check 'spool is private' "$(stat -c %a "$directory/spool")" 700

serve close
check 'closed: exit status' "$(status_of ship --user me)" 2
said 'no response'
unserve
serve version
check 'another version' "$(status_of ship --user me)" 2
said 'the server has version 99 of the data model'
unserve
serve refuse
check 'wrong password' "$(status_of ship --user me)" 2
said 'check the user and the password file'
unserve
serve slow
check 'slow' "$(status_of ship --user me --timeout 1)" 2
said 'no response'
unserve
serve echo
check 'a server that repeats the password' "$(status_of ship --user me)" 2
said 'sent with me:***'
unserve
check 'no secret is said or kept' "$(grep -rl verysecret "$directory/spool" "$directory/err" "$directory/out" | wc -l)" 0

# Every second request fails after the server has taken the rows: they arrive twice, with the same keys.
serve flaky
patience=30
check 'at last' "$(status_of ship --user me --batch 50)" 0
check 'nothing is lost or doubled' "$(received calls)" "$calls"
check 'the spool is empty' "$(find "$directory/spool" -name '*.gz' | wc -l)" 0
check 'again' "$(status_of ship --user me)" 0
check 'nothing new' "$(cat "$directory/out")" '0 rows sent in 0 batches'
unserve

patience=2
# A spool that is too small: rows stay on the tapes, and come when the server does.
rm -rf "$directory/spool" "$directory/received"
"$make_fleet" "$directory/tapes" 4 6000
serve error500
check 'full: exit status' "$(status_of ship --user me --spool-limit 200K --batch 500)" 2
said 'the spool is full'
check 'bounded' "$([[ $(du -sk "$directory/spool" | cut -f1) -le 300 ]] && echo yes)" yes
unserve
serve good
check 'emptied' "$(status_of ship --user me --spool-limit 200K --batch 500)" 0
check 'all rows' "$(received calls)" "$("$p11tape" query --format csv 'SELECT count(*) FROM calls' "$directory/tapes" | tail -1)"
check 'credentials were sent' "$(received user)" me
unserve

# Killed at any instant and started again: nothing is lost.
rm -rf "$directory/spool" "$directory/received"
serve good
for delay in 0.05 0.1 0.2 0.4; do
  { timeout -s KILL "$delay" "$p11tape" ship --to "http://127.0.0.1:$port" --spool "$directory/spool" "$directory/tapes" || true; } >/dev/null 2>&1
done
check 'after the kills' "$(status_of ship)" 0
check 'all rows after the kills' "$(received calls)" "$("$p11tape" query --format csv 'SELECT count(*) FROM calls' "$directory/tapes" | tail -1)"
unserve

# The disk is full (files can have no more bytes): said, nothing lost.
rm -rf "$directory/spool" "$directory/received"
serve good
full() { (trap '' XFSZ; ulimit -f 8; ship); }
check 'disk full' "$(status_of full)" 2
said 'cannot be written: File too large'
check 'nothing half written is left' "$(find "$directory/spool" -name '*.new' | wc -l)" 0
check 'room again' "$(status_of ship)" 0
check 'all rows after the full disk' "$(received calls)" "$("$p11tape" query --format csv 'SELECT count(*) FROM calls' "$directory/tapes" | tail -1)"
check 'spans where there is no collector' "$(spool=spool-otlp status_of ship --otlp)" 2
said 'HTTP status 404: 404 page not found (check the address)'
unserve

# Spans to a collector, each once.
rm -rf "$directory/received" "$directory/spool-otlp"
"$p11tape" export --format otlp "$directory/tapes" >"$directory/spans"
serve collector
check 'the collector is there' "$(status_of ship --otlp --check)$(cat "$directory/out")" '0the collector takes spans'
check 'spans' "$(spool=spool-otlp status_of ship --otlp)" 0
check 'the collector has them' "$(python3 "$(dirname "$0")/otlp.py" "$directory/received")" "$(python3 "$(dirname "$0")/otlp.py" "$directory/spans")"
check 'spans again' "$(spool=spool-otlp status_of ship --otlp)$(cat "$directory/out")" '00 spans sent in 0 batches'
unserve
check 'rows into a spool of spans' "$(status_of "$p11tape" ship --otlp --to http://127.0.0.1:1 --patience 0 --spool "$directory/spool-2" "$directory/tapes")" 2
serve good
check 'it is refused' "$(spool=spool-2 status_of ship)" 2
said 'the spool holds spans (name another one with --spool)'
unserve

port=1
check 'user in the address' "$(status_of "$p11tape" ship --to 'http://me:verysecret@127.0.0.1:1' --spool "$directory/spool" "$directory/tapes")" 2
check 'and it is not repeated' "$(grep -c verysecret "$directory/err")" 0
echo secret >"$directory/password"; chmod 644 "$directory/password"
check 'password that others can read' "$(status_of ship --user me --password-file "$directory/password")" 2
said 'others can read it'
finish
