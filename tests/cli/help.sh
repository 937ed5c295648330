#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every command explains itself: an example, and its exit statuses. Usage: help.sh PROGRAM
set -euo pipefail
program=$1
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

mapfile -t commands < <("$program" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
[[ ${#commands[@]} -ge 12 ]] || fail "only ${#commands[@]} commands are listed: ${commands[*]}"
for command in "${commands[@]}"; do
  help=$("$program" "$command" --help) || fail "$command --help ended with $?"
  grep -q "^  p11tape $command" <<<"$help" || fail "$command --help has no example: $help"
  grep -q 'Exit status: ' <<<"$help" || fail "$command --help does not tell its exit statuses"
  status=0
  "$program" "$command" --no-such-option >/dev/null 2>&1 || status=$?
  [[ $status -eq 64 ]] || fail "$command with a wrong option ended with $status instead of 64"
done
