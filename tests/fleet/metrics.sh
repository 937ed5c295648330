#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# p11tape metrics: what promtool accepts, with a bounded number of series; the alert rules with their unit tests.
source "$(dirname "$0")/lib.sh"

mkdir "$directory/tapes"
"$make_fleet" "$directory/tapes" 50 4
"$p11tape" metrics "$directory/tapes" >"$directory/text"
promtool check metrics <"$directory/text" >"$directory/out" 2>&1 || check 'promtool check metrics' "$(cat "$directory/out")" ''
line() { grep -F "$1" "$directory/text" | awk '{ print $NF }'; }
check 'calls' "$(awk '/^p11tape_calls_total/ { n += $NF } END { print n }' "$directory/text")" \
  "$("$p11tape" query --format csv 'SELECT count(*) FROM calls' "$directory/tapes" | tail -1)"
check 'wrong PINs' "$(line 'p11tape_failed_logins_total{token="payments",serial="0816",user="CKU_USER"}')" 3
check 'errors' "$(line 'function="C_Sign",rv="CKR_DEVICE_ERROR"}')" 1
check 'open sessions' "$(awk '/^p11tape_open_sessions/ { n += $NF } END { print n }' "$directory/text")" 41
check 'buckets add up' "$(awk '/_bucket.*function="C_Sign".*Inf/ { a += $NF } /_count.*function="C_Sign"/ { b += $NF } END { print a - b }' "$directory/text")" 0

"$p11tape" metrics -o "$directory/p11tape.prom" "$directory/tapes"
check 'the same in a file' "$(cmp "$directory/text" "$directory/p11tape.prom" && stat -c %a "$directory/p11tape.prom")" 644
check 'nothing is left beside it' "$(find "$directory" -name 'p11tape.prom.*' | wc -l)" 0
check 'a directory that is not there' "$(status_of "$p11tape" metrics -o "$directory/none/x" "$directory/tapes")" 2
said 'cannot be written'

promtool check rules "$fleet/prometheus-rules.yaml" >"$directory/out" 2>&1 || check 'promtool check rules' "$(cat "$directory/out")" ''
(cd "$fleet" && promtool test rules prometheus-tests.yaml) >"$directory/out" 2>&1 || check 'promtool test rules' "$(cat "$directory/out")" ''
# Every name that a rule uses is one that p11tape writes.
for name in $(grep -o 'p11tape_[a-z_]*' "$fleet/prometheus-rules.yaml" | sort -u); do
  grep -qE "^# TYPE ${name%_bucket} " "$directory/text" || check "metric of a rule" "$name" "one that is written"
done
finish
