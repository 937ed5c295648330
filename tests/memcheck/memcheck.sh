#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: memcheck.sh FOLDER PROGRAM HOST: the folder of p11tape.so, the program p11tape, and host.cpp's program.
set -euo pipefail
shim=$(realpath "$1/p11tape.so")
null=$(realpath "$1/mock/p11tape-null.so")
program=$(realpath "$2")
host=$(realpath "$3")
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}
command -v valgrind >/dev/null || {
  echo "skipped: valgrind is not installed" >&2
  exit 77
}
work=$(mktemp -d "${TMPDIR:-/tmp}/p11tape-memcheck.XXXXXX")
trap 'rm -rf "$work"' EXIT
check() {
  env P11TAPE_DIR="$work/tapes" P11TAPE_MODULE="$null" valgrind --quiet --leak-check=no --error-exitcode=99 --log-file="$work/log" "$host" "$@"
}

check "$shim" || fail "memcheck reports, or the host failed ($?): $(cat "$work/log")"
[[ ! -s $work/log ]] || fail "memcheck reports: $(cat "$work/log")"
"$program" show "$work"/tapes/*.p11tape >"$work/shown"
for call in C_Login C_CreateObject C_GetAttributeValue C_EncryptInit C_GetTokenInfo; do
  grep -q "$call" "$work/shown" || fail "$call is not on the tape"
done
# Memory that nobody has written is not the module's, and neither is what was freed.
if grep -q 'CKA_LABEL: "' "$work/shown"; then fail "a value that nobody wrote was recorded: $(cat "$work/shown")"; fi

# The test can fail: the host itself reads what it must not.
if check "$shim" wrong 2>/dev/null; then fail "memcheck does not see a read of freed memory"; fi
