#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The live log: exactly the calls that were made, whatever the threads do, and no harm where it cannot be written.
# shellcheck source=tests/settings/lib.sh
source "$(dirname "$0")/lib.sh"

# whole_log FILE: it and what was put aside, oldest first. Younger files have lower numbers.
whole_log() {
  local n
  printf '%s\n' "$1".* | sed 's/.*\.//' | sort -n -r | while read -r n; do cat "$1.$n"; done
  cat "$1"
}

# Four threads, and files that are put aside while they write.
record P11TAPE_LOG="$work/log" P11TAPE_LOG_SIZE=64K P11TAPE_LOG_FILES=100 -- "$driver" "$shim" 4 200 >"$work/made"
[[ -e $work/log.2 ]] || fail "the log was not put aside: $(ls "$work")"
[[ $(stat -c %a "$work/log") == 600 ]] || fail "the log's mode is $(stat -c %a "$work/log")"
for part in "$work"/log*; do
  # Threads that look at the size at the same time may each write one call more.
  [[ $(stat -c %s "$part") -le 75000 ]] || fail "$part is larger than it may be: $(stat -c %s "$part")"
done
whole_log "$work/log" >"$work/whole"
/usr/bin/python3 "$here/calls.py" text <"$work/whole" >"$work/logged" || fail "the log does not parse"
diff <(by_thread <"$work/made") <(by_thread <"$work/logged") || fail "the log (>) does not have the calls that were made (<)"
diff <(by_thread <"$work/made") <(calls_on_tapes | by_thread) || fail "the tape (>) does not have the calls that were made (<)"

# One line of JSON a call, and one at its beginning.
record P11TAPE_LOG="$work/json" P11TAPE_LOG_FORMAT=json P11TAPE_LOG_ENTRY=yes -- "$driver" "$shim" 4 50 >"$work/made"
/usr/bin/python3 "$here/calls.py" json <"$work/json" >"$work/logged"
diff <(by_thread <"$work/made") <(by_thread <"$work/logged") || fail "the JSON log (>) does not have the calls that were made (<)"
[[ $(grep -c '"state":"in_flight"' "$work/json") -eq $(wc -l <"$work/made") ]] || fail "not each call has a line at its beginning"

# A call that hangs is in the log.
record P11TAPE_LOG="$work/entry" P11TAPE_LOG_ENTRY=yes P11TAPE_MOCK=C_GenerateRandom:exit >/dev/null && fail "the driver came back"
tail -n 1 "$work/entry" | grep -q '^[0-9]*: C_GenerateRandom begins .*thread [0-9]*' || fail "the last line is: $(tail -n 1 "$work/entry")"

# Levels.
record P11TAPE_LOG="$work/errors" P11TAPE_LOG_LEVEL=errors >/dev/null
/usr/bin/python3 "$here/calls.py" text <"$work/errors" >"$work/logged"
[[ $(wc -l <"$work/logged") -eq 20 ]] || fail "$(wc -l <"$work/logged") errors in the log"
grep -v 'C_GetTokenInfo 0x3$' "$work/logged" && fail "these are no errors"
record P11TAPE_LOG="$work/slow" P11TAPE_LOG_LEVEL=slow P11TAPE_LOG_SLOW=40ms P11TAPE_MOCK=C_CloseSession:delay=60 >/dev/null
/usr/bin/python3 "$here/calls.py" text <"$work/slow" | grep -q 'C_CloseSession 0x0' || fail "the slow call is missing"

# Where it cannot be written: said once, and everything else goes on.
mkdir "$work/folder"
ln -s "$work/elsewhere" "$work/link"
for where in "$work/folder" "$work/none/log" "$work/link" /dev/full; do
  rm -rf "$tapes"
  record P11TAPE_LOG="$where" >"$work/made" 2>"$work/err" || fail "the host ended with $?"
  [[ $(grep -cF "$where (setting \`log\`)" "$work/err") -eq 1 ]] || fail "it was not said once that $where cannot be written: $(cat "$work/err")"
  diff <(by_thread <"$work/made") <(calls_on_tapes | by_thread) || fail "the tape is not whole when $where cannot be written"
done
[[ ! -e $work/elsewhere ]] || fail "a link was followed"

# Root logs into another user's directory, but not into a file that this user chooses.
if [[ $EUID -eq 0 ]]; then
  mkdir "$work/theirs" "$work/roots"
  : >"$work/roots/log"
  ln "$work/roots/log" "$work/theirs/hard"
  ln -s "$work/roots" "$work/theirs/link"
  chown -h 12345 "$work/theirs" "$work/theirs/link"
  for where in theirs/hard theirs/link/log; do
    record P11TAPE_LOG="$work/$where" >/dev/null 2>"$work/err" || fail "the host ended with $?"
    expect_text "$work/$where (setting \`log\`)" "$work/err"
  done
  [[ ! -s $work/roots/log ]] || fail "a file was written through another user's link"
  record P11TAPE_LOG="$work/theirs/log" >/dev/null 2>"$work/err" || fail "the host ended with $?"
  [[ $(stat -c '%u %a' "$work/theirs/log") == '0 600' && -s $work/theirs/log ]] || fail "no log in another user's directory: $(cat "$work/err")"
  ln -s "$work/theirs" "$work/roots/link"
  record P11TAPE_LOG="$work/roots/link/second" >/dev/null || fail "the host ended with $?"
  [[ -s $work/theirs/second ]] || fail "root's own link was not followed"
fi

# stderr: a pipe whose reader has gone must not end the host, nor one that does not read hold it up.
record P11TAPE_LOG=stderr 2>&1 >/dev/null | /usr/bin/python3 "$here/calls.py" text >"$work/logged" || fail "stderr does not parse"
[[ $(wc -l <"$work/logged") -eq 86 ]] || fail "$(wc -l <"$work/logged") calls on stderr"
rm -rf "$tapes"
record P11TAPE_LOG=stderr 2> >(exec true) >"$work/made" || fail "the host ended with $?"
diff <(by_thread <"$work/made") <(calls_on_tapes | by_thread) || fail "the tape is not whole"
SECONDS=0
record P11TAPE_LOG=stderr -- "$driver" "$shim" 4 500 2> >(exec sleep 20) >"$work/made" || fail "the host ended with $?"
[[ $SECONDS -lt 15 ]] || fail "a reader that does not read held the host up for $SECONDS seconds"
record P11TAPE_LOG=stderr 2>&- >/dev/null || fail "the host ended with $?"

# A child of fork and several processes share a log without mixing lines.
for _ in 1 2 3 4; do record P11TAPE_LOG="$work/shared" P11TAPE_LOG_SIZE=64K P11TAPE_LOG_FILES=50 -- "$driver" "$shim" 2 60 & children+=($!); done >"$work/made"
wait
whole_log "$work/shared" >"$work/whole"
grep -c '^[0-9]*: C_' "$work/whole" >"$work/count"
[[ $(cat "$work/count") -eq $(wc -l <"$work/made") ]] || fail "$(cat "$work/count") calls of $(wc -l <"$work/made") are in the shared log"
grep -vE '^([0-9]+: C_|  |$)' "$work/whole" && fail "these lines are mixed up"
exit 0
