# SPDX-License-Identifier: Apache-2.0
# Shared by the tests of this directory, which source it: p11tape, make_fleet, a temporary directory, checks.
# shellcheck shell=bash
set -euo pipefail
p11tape=$1
make_fleet=$2
fleet=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../config/fleet" && pwd)
export LC_ALL=C.UTF-8 TZ=UTC
directory=$(mktemp -d "${TMPDIR:-/tmp}/p11tape-fleet.XXXXXX")
failures=0

cleanup() { rm -rf "$directory"; }
trap cleanup EXIT

check() { # check WHAT ACTUAL EXPECTED
  if [[ $2 == "$3" ]]; then return; fi
  printf 'FAILED: %s\n  is:        %q\n  should be: %q\n' "$1" "$2" "$3" >&2
  failures=$((failures + 1))
}
status_of() { # status_of COMMAND...: its exit status; what it says is in $directory/out and $directory/err
  local status=0
  "$@" >"$directory/out" 2>"$directory/err" || status=$?
  printf '%s' "$status"
}
said() { # said TEXT: on standard error of the last command
  grep -qF -- "$1" "$directory/err" && return
  printf 'FAILED: not said: %s\n' "$1" >&2
  sed 's/^/  /' "$directory/err" >&2
  failures=$((failures + 1))
}
finish() { [[ $failures -eq 0 ]] || exit 1; }
