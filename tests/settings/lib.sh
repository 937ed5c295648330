# SPDX-License-Identifier: Apache-2.0
# What the tests of this folder share. Usage of a test: NAME.sh FOLDER PROGRAM DRIVER: the folder of p11tape.so, the program
# p11tape, and the host of driver.cpp.
# shellcheck shell=bash
# shellcheck disable=SC2034 # most variables are for the tests

set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
shim=$(realpath "$1/p11tape.so")
mock=$(realpath "$1/mock/p11tape-mock.so")
program=$(realpath "$2")
driver=$(realpath "$3")

work=$(mktemp -d "${TMPDIR:-/tmp}/p11tape-settings.XXXXXX")
tapes=$work/tapes
children=()
clean_up() {
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  rm -rf "$work"
}
trap clean_up EXIT

# Settings of whoever runs the tests must not decide how they end.
for variable in "${!P11TAPE_@}" "${!PKCS11@}"; do
  [[ $variable == P11TAPE_TEST_PRELOAD ]] || unset "$variable"
done
unset variable

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

skip() {
  printf 'skipped: %s\n' "$*" >&2
  exit 77
}

# record SETTING=VALUE... [-- COMMAND...]: the command (the driver on one thread) with the mock behind the shim.
record() {
  local variables=()
  while [[ $# -gt 0 && $1 != -- ]]; do
    variables+=("$1")
    shift
  done
  [[ $# -gt 0 ]] && shift || set -- "$driver" "$shim" 1 20
  env P11TAPE_MODULE="$mock" P11TAPE_DIR="$tapes" "${variables[@]}" "$@"
}

# calls_on_tapes: a line a call, as the driver prints them: thread, function, return value.
calls_on_tapes() {
  "$program" show --json "$tapes"/*.p11tape | /usr/bin/python3 "$here/calls.py" json
}

# expect_text TEXT FILE: the file has a line with this text.
expect_text() { grep -qF -- "$1" "$2" || fail "\"$1\" is not in $2: $(cat "$2")"; }

# by_thread: sorts lines by their thread, and leaves the lines of each in their order.
by_thread() { sort -s -n -k1,1; }

# wait_until COMMAND...: until it succeeds, 30 seconds at most.
wait_until() {
  local tries
  for ((tries = 0; tries < 300; ++tries)); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.1
  done
  fail "waited in vain for: $*"
}
