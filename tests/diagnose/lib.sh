# SPDX-License-Identifier: Apache-2.0
# What the tests of this folder share, on top of those of clients/: recording one run, and looking at its diagnosis.
# shellcheck shell=bash
# shellcheck source=tests/clients/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../clients/lib.sh"

# shellcheck disable=SC2034 # for those who need it
gskit=$(realpath "${3-/dev/null}")

# record NAME COMMAND...: runs the command in an empty folder with $module as the module to use; its tapes are in
# $work/NAME.tapes, what it said in $work/NAME.said. How it ends is its own affair.
record() {
  local name=$1 way=through tapes=$work/$1.tapes folder=$work/$1 module=$shim
  shift
  mkdir -p "$folder/files"
  (
    cd "$folder/files"
    "$@"
  ) >"$work/$name.said" 2>&1 || true
  compgen -G "$tapes/*.p11tape" >/dev/null || fail "$name: no tape: $(cat "$work/$name.said")"
}

# diagnose NAME STATUS [ARGUMENT...]: must end with the status; the answer is in $work/NAME.answer. No PIN is in it.
diagnose() {
  local name=$1 wanted=$2 status=0 secret
  shift 2
  "$program" diagnose --verbose "$@" "$work/$name.tapes" >"$work/$name.answer" 2>"$work/$name.errors" || status=$?
  [[ $status -eq $wanted ]] ||
    fail "$name: p11tape diagnose ended with $status instead of $wanted: $(cat "$work/$name.answer" "$work/$name.errors")
The client had said: $(cat "$work/$name.said")"
  for secret in "${secrets[@]}"; do
    if grep -qF -e "$secret" "$work/$name.answer" "$work/$name.errors"; then
      fail "$name: the diagnosis contains the PIN $secret"
    fi
  done
}

# expect_first NAME ID: the first finding, errors and warnings before notes.
expect_first() {
  local found
  found=$(head -n 1 "$work/$1.answer" | cut -d ' ' -f 2)
  [[ $found == "$2" ]] || fail "$1: the first finding is $found instead of $2: $(cat "$work/$1.answer")
The client had said: $(cat "$work/$1.said")"
}

# expect_text NAME LINES TEXT: the text is in the first so many lines of the answer.
expect_text() {
  head -n "$2" "$work/$1.answer" | grep -F -e "$3" >/dev/null || fail "$1: \"$3\" is not in the first $2 lines: $(cat "$work/$1.answer")"
}
