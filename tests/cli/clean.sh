#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: clean.sh P11TAPE LOG
#
# import --clean writes the log without its secrets to standard output, or to a new file that only its owner may read.

set -euo pipefail

program=$1 log=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

run() {
  status=0
  "$program" import --clean "$@" >"$work/out" 2>"$work/said" || status=$?
}

run "$log"
[[ $status -eq 0 && -s $work/out ]] || fail "to standard output: $status $(cat "$work/said")"
grep -qF geheim "$log" || fail 'the log has no PIN in it any more'
! grep -qF geheim "$work/out" || fail 'the PIN is in the cleaned log'
cp "$work/out" "$work/expected"

run -o "$work/clean.log" "$log"
[[ $status -eq 0 && ! -s $work/out ]] || fail "to a file: $status $(cat "$work/out" "$work/said")"
cmp "$work/expected" "$work/clean.log" || fail "the file differs from what goes to standard output"
[[ $(stat -c %a "$work/clean.log") == 600 ]] || fail "others may read it: $(stat -c %A "$work/clean.log")"

run -o - "$log"
[[ $status -eq 0 ]] && cmp "$work/expected" "$work/out" || fail "-o - is not standard output: $status"

run -o "$work/two.log" "$log" "$log"
[[ $status -eq 0 ]] && cmp <(cat "$work/expected" "$work/expected") "$work/two.log" || fail "two logs in one file: $status"

# What exists stays: another cleaned log, the log itself, what a link points to.
run -o "$work/clean.log" "$log"
[[ $status -eq 2 ]] && grep -qF "p11tape: $work/clean.log: cannot be created: File exists" "$work/said" ||
  fail "a file that exists: $status $(cat "$work/said")"
cmp "$work/expected" "$work/clean.log" || fail "a file that existed has changed"
cp "$log" "$work/own.log"
run -o "$work/own.log" "$work/own.log"
[[ $status -eq 2 ]] && cmp "$log" "$work/own.log" || fail "the log is its own output: $status"
ln -s "$work/elsewhere.log" "$work/link.log"
run -o "$work/link.log" "$log"
[[ $status -eq 2 && ! -e $work/elsewhere.log ]] || fail "a symbolic link was followed: $status"

# Nothing to clean leaves nothing behind; one log of two is better than none.
printf 'no log of anything\n' >"$work/other.txt"
run -o "$work/none.log" "$work/other.txt"
[[ $status -eq 2 && ! -e $work/none.log ]] || fail "no log was read: $status $(ls "$work")"
run -o "$work/one.log" "$work/other.txt" "$log"
[[ $status -eq 2 ]] && cmp "$work/expected" "$work/one.log" || fail "one log of two: $status $(cat "$work/said")"

# A full disk.
status=0
"$program" import --clean "$log" >/dev/full 2>"$work/said" || status=$?
[[ $status -eq 2 ]] && grep -q '^p11tape: standard output: cannot be written: No space left' "$work/said" ||
  fail "a full disk: $status $(cat "$work/said")"
