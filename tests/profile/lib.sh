# SPDX-License-Identifier: Apache-2.0
# What the tests of this folder share: recording the signer, and looking at its profile.
# shellcheck shell=bash
# shellcheck source=tests/diagnose/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../diagnose/lib.sh"

# shellcheck disable=SC2154 # of clients/lib.sh
signer=$(realpath "$3")
mock=$(realpath "$4")

# profile NAME [ARGUMENT...]: the report of the tape of that name is in $work/NAME.answer. No PIN is in it.
profile() {
  local name=$1 secret
  shift
  "$program" profile "$@" "$work/$name.tapes" >"$work/$name.answer" 2>"$work/$name.errors" ||
    fail "$name: p11tape profile failed: $(cat "$work/$name.answer" "$work/$name.errors")"
  for secret in "${secrets[@]}"; do
    if grep -qF -e "$secret" "$work/$name.answer"; then fail "$name: the report contains the PIN $secret"; fi
  done
}

# expect NAME LINES PATTERN: a line of the first so many matches.
expect() {
  head -n "$2" "$work/$1.answer" | grep -E -e "$3" >/dev/null || fail "$1: \"$3\" is not in the first $2 lines: $(cat "$work/$1.answer")
The client had said: $(cat "$work/$1.said")"
}

# signed NAME WAY COUNT [MECHANISM]: records the signer.
signed() {
  record "$1" env SIGNER_PIN="${signer_pin-$pin}" "$signer" "$shim" "$3" "$2" "${@:4}"
}
