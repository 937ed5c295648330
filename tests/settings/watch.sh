#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Watching from outside: p11tape ps, p11tape follow, p11tape settings --pid.
# shellcheck source=tests/settings/lib.sh
source "$(dirname "$0")/lib.sh"

# A process that hangs in a call, reached by a settings file alone.
cp "$shim" "$work/p11tape-mine.so"
printf 'module: %s\ndir: %s\nprograms:\n  settings-driver: {keep: 7}\n' "$mock" "$tapes" >"$work/p11tape-mine.yaml"
P11TAPE_MOCK=C_CloseSession:hang "$driver" "$work/p11tape-mine.so" 1 10 >/dev/null & hanging=$!
children+=("$hanging")
hangs() { "$program" ps | grep -A5 "^$hanging " | grep -q 'in call  C_CloseSession, thread [0-9].*, for'; }
wait_until hangs
"$program" ps | grep -A5 "^$hanging " >"$work/ps"
expect_text 'settings-driver   45 calls' "$work/ps"
expect_text "$mock" "$work/ps"
expect_text "$tapes/settings-driver.$hanging." "$work/ps"

"$program" settings --pid "$hanging" >"$work/settings"
expect_text "shim          $work/p11tape-mine.so" "$work/settings"
expect_text "module        $mock" "$work/settings"
expect_text "tape          $tapes/" "$work/settings"
grep -qE "keep +7 +$work/p11tape-mine.yaml:4" "$work/settings" || fail "keep is not there: $(cat "$work/settings")"
"$program" settings --pid $$ >"$work/settings" && fail "the shell has not loaded p11tape.so"
expect_text 'p11tape.so is not loaded' "$work/settings"
"$program" settings --pid 4194304 2>/dev/null && fail "there is no such process"

# A call that hangs is told of by follow, too; following a process ends with it.
"$program" follow --all "$hanging" >"$work/followed" 2>&1 & children+=($!)
following=$!
wait_until grep -q 'C_CloseSession has been running for' "$work/followed"
kill "$hanging"
wait "$following" || fail "follow ended with $?"
[[ $(grep -c '^1:[0-9]*: C_GenerateRandom ' "$work/followed") -eq 10 ]] || fail "$(cat "$work/followed")"

# A process under errors_only that hangs in a call which would be left out.
rm -rf "$tapes"
env P11TAPE_MODULE="$mock" P11TAPE_DIR="$tapes" P11TAPE_ERRORS_ONLY=on P11TAPE_MOCK=C_GenerateRandom:hang \
  "$driver" "$shim" 1 20 >/dev/null & hanging=$!
children+=("$hanging")
hangs_filtered() { "$program" ps | grep -A5 -F "$tapes" | grep -q 'in call  C_GenerateRandom'; }
wait_until hangs_filtered
kill "$hanging"

# A folder: programs that begin later are shown, calls of before are not, and the filters are those of show.
rm -rf "$tapes"
record >/dev/null
"$program" follow --errors --json "$tapes" >"$work/followed" & following=$!
children+=("$following")
sleep 1
record >"$work/made" -- "$driver" "$shim" 3 20
enough() { [[ $(/usr/bin/python3 "$here/calls.py" json <"$work/followed" | wc -l) -eq 60 ]]; }
wait_until enough
kill "$following"
wait "$following" 2>/dev/null || true
diff <(grep -v ' 0x0$' "$work/made" | by_thread) <(/usr/bin/python3 "$here/calls.py" json <"$work/followed" | by_thread) ||
  fail "follow (>) does not have the errors (<)"
