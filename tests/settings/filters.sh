#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Filters: what they leave out is counted, what changes state is not left out, and a call in flight is not lost.
# shellcheck source=tests/settings/lib.sh
source "$(dirname "$0")/lib.sh"

# left_out: how many calls the tapes say were left out.
left_out() { "$program" show --json "$tapes"/*.p11tape | /usr/bin/python3 -c '
import json, sys
print(sum(json.loads(line).get("filtered", 0) for line in sys.stdin if "\"filtered\"" in line))'; }

# check NAME PATTERN SETTING...: of the driver's calls exactly those without the pattern are on the tape.
check() {
  local name=$1 pattern=$2
  shift 2
  rm -rf "$tapes"
  record "$@" >"$work/made"
  grep -vE "$pattern" "$work/made" >"$work/expected" || true
  calls_on_tapes >"$work/found"
  diff <(by_thread <"$work/expected") <(by_thread <"$work/found") || fail "$name: the tape (>) does not have what is expected (<)"
  local missing=$(($(wc -l <"$work/made") - $(wc -l <"$work/found")))
  [[ $(left_out) -eq $missing ]] || fail "$name: $missing calls are missing, and $(left_out) are counted"
}

check none '^$'
check functions 'C_GenerateRandom|C_GetSessionInfo' P11TAPE_LEAVE_OUT='C_GenerateRandom C_GetSessionInfo'
check family 'C_GetTokenInfo|C_GetSlotList' P11TAPE_LEAVE_OUT=slot
state='C_OpenSession|C_CloseSession|C_Initialize|C_Finalize'
check errors "(C_GetFunctionList|C_GetSlotList|C_GetSessionInfo|C_GenerateRandom|C_GetTokenInfo) 0x0" P11TAPE_ERRORS_ONLY=on
check slow "(C_GetFunctionList|C_GetSlotList|C_GetSessionInfo|C_GetTokenInfo)" P11TAPE_SLOWER_THAN=25ms P11TAPE_MOCK=C_GenerateRandom:delay=30
grep -cE "$state" "$work/found" >/dev/null || fail "calls that change state were left out"

rm -rf "$tapes"
record P11TAPE_SAMPLE_POLLS=10 -- "$driver" "$shim" 1 100 >"$work/made"
calls_on_tapes | sort | uniq -c | awk '{ print $1, $3, $4 }' >"$work/found"
expect_text '10 C_GetSessionInfo 0x0' "$work/found"
expect_text '10 C_GetTokenInfo 0x0' "$work/found"
expect_text '100 C_GetTokenInfo 0x3' "$work/found"
expect_text '100 C_GenerateRandom 0x0' "$work/found"

# Many threads at once.
rm -rf "$tapes"
record P11TAPE_ERRORS_ONLY=on -- "$driver" "$shim" 12 200 >"$work/made"
diff <(grep -E "0x3$|$state" "$work/made" | by_thread) <(calls_on_tapes | by_thread) || fail "12 threads: tape (>)"
[[ $(left_out) -eq $(grep -vcE "0x3$|$state" "$work/made") ]] || fail "12 threads: $(left_out) are counted"

# Whoever dies in a call that would have been left out is found in it.
for end in exit segv; do
  rm -rf "$tapes"
  record P11TAPE_ERRORS_ONLY=on P11TAPE_MOCK="C_GenerateRandom:$end" >/dev/null 2>&1 && fail "the driver survived"
  "$program" show "$tapes"/*.p11tape >"$work/shown"
  grep -A3 'C_GenerateRandom' "$work/shown" | grep -q 'still running when the tape ended' || fail "$end: $(cat "$work/shown")"
  [[ $(grep -c '^[0-9]*: C_' "$work/shown") -eq 3 ]] || fail "$end: $(cat "$work/shown")"
done

# The log has what the tape has.
rm -rf "$tapes"
record P11TAPE_ERRORS_ONLY=on P11TAPE_LOG="$work/log" >/dev/null
diff <(calls_on_tapes) <(/usr/bin/python3 "$here/calls.py" text <"$work/log") || fail "the log (>) is not the tape (<)"
