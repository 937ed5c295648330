#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Recording off, and a control file that turns it off and on while the program runs.
# shellcheck source=tests/settings/lib.sh
source "$(dirname "$0")/lib.sh"

for off in P11TAPE_OFF=1 P11TAPE_RECORD=off; do
  record "$off" P11TAPE_LOG="$work/log" >"$work/made" 2>"$work/err"
  [[ ! -e $tapes && ! -e $work/log && ! -s $work/err ]] || fail "$off: there are traces: $(ls "$work")"
  [[ $(wc -l <"$work/made") -eq 86 ]] || fail "$off: the calls were not all made"
done

control=$work/control
echo off >"$control"
record P11TAPE_CONTROL="$control" -- "$driver" "$shim" 1 120 100 >"$work/made" & children+=($!)
sleep 1.5
[[ ! -e $tapes ]] || fail "there is a tape although recording is off"
echo on >"$control"
wait_until compgen -G "$tapes/*.p11tape"
sleep 1
echo off >"$control"
sleep 2.2
before=$(calls_on_tapes | wc -l)
sleep 0.5
[[ $(calls_on_tapes | wc -l) -eq $before ]] || fail "calls were recorded although recording is off"
echo nonsense >"$control"
sleep 1.2
rm "$control" # then `record` counts, which is on
wait
[[ $(calls_on_tapes | wc -l) -gt $before ]] || fail "recording was not turned on again"
calls_on_tapes | tail -n 1 | grep -q C_Finalize || fail "the last call is missing"
[[ $(calls_on_tapes | wc -l) -lt $(wc -l <"$work/made") ]] || fail "nothing was left out"
"$program" show "$tapes"/*.p11tape | tail -n 5 >"$work/end"
expect_text 'while recording was switched off' "$work/end"
