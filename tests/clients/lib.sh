# SPDX-License-Identifier: Apache-2.0
# What the tests of this folder share. Each runs a real client twice, straight on the real module and through p11tape.so,
# on two copies of the same token, and fails where the two can be told apart: output, errors, exit status, files written.
# Then it looks at the tape. Usage of a test: NAME.sh SHIM PROGRAM, the paths of p11tape.so and of the program p11tape.
# shellcheck shell=bash

set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
shim=$(realpath "$1")
program=$(realpath "$2")
# shellcheck disable=SC2034 # for the tests whose client needs a file
config=$(realpath "$here/../../config")

# Long and unlike anything else, so that finding one in a file means that it leaked.
pin='pin-Ohlo7-voqu4'
so_pin='so-pin-Aeg6k-ahj2'
wrong_pin='wrong-pin-eiS9w-ou5x'
secrets=("$pin" "$so_pin" "$wrong_pin")
token_label='shim test'

work=$(mktemp -d "${TMPDIR:-/tmp}/p11tape-client.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Settings of whoever runs the tests must not decide how they end.
for variable in "${!P11TAPE_@}" "${!PKCS11@}"; do
  [[ $variable == P11TAPE_TEST_PRELOAD ]] || unset "$variable"
done
unset OPENSSL_CONF GNUTLS_PIN variable

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

# shellcheck source=tests/clients/token.sh
source "$here/token.sh"

# shellcheck source=tests/instrumented.sh
source "$here/../instrumented.sh"

# run CLIENT [ARGUMENT...]: for use in a scenario. Says the client's exit status.
run() {
  local status=0 command=(env "$no_leaks")
  [[ $way != through ]] || command=("${instrumented[@]}" "P11TAPE_MODULE=$real" "P11TAPE_DIR=$tapes")
  # The shell's own word about a client that a signal ended would carry the process id: it goes nowhere.
  { "${command[@]}" "$@" </dev/null 2>&3 || status=$?; } 3>&2 2>/dev/null
  echo "[$1: exit status $status]"
}

# compare SCENARIO [FILTER...]: runs the function SCENARIO both ways, in an empty folder, with $module as the module to use.
# FILTER is a command that makes the output comparable where the client's own differs from run to run (`sort`).
compare() {
  local scenario=$1 way tapes=$work/$1.tapes
  shift
  for way in direct through; do
    local folder=$work/$scenario.$way module=$real
    [[ $way == direct ]] || module=$shim
    mkdir -p "$folder/files"
    if [[ -d $work/token ]]; then
      cp -a "$work/token" "$folder.token"
      use_token "$folder.token"
    fi
    (
      cd "$folder/files"
      "$scenario" >../stdout.raw 2>../stderr.raw
    ) || fail "$scenario ($way) itself failed: $(cat "$folder/stderr.raw")"
    # Messages name the module; that is the one difference that there may be.
    local stream
    for stream in stdout stderr; do
      sed -e "s|$module|MODULE|g" -e "s|$folder|FOLDER|g" "$folder/$stream.raw" | "${@:-cat}" >"$folder/$stream"
      rm "$folder/$stream.raw"
    done
  done
  diff -r -u "$work/$scenario.direct" "$work/$scenario.through" >"$work/difference" || {
    cat "$work/difference" >&2
    fail "$scenario: through p11tape.so (+) it does not look as it does without (-)"
  }
  check_tapes "$scenario"
}

# expect_status SCENARIO STATUS...: the exit statuses that the clients of the scenario must have had, so that a scenario
# in which everything fails the same way both times is not taken for a success.
expect_status() {
  local scenario=$1 found
  shift
  found=$(sed -n 's/^\[.*: exit status \([0-9]*\)\]$/\1/p' "$work/$scenario.through/stdout" | paste -sd ' ')
  [[ $found == "$*" ]] || fail "$scenario: exit statuses $found instead of $*: $(cat "$work/$scenario.through"/std*)"
}

# check_tapes SCENARIO: the tapes can be read, and no PIN is in them or in what `p11tape show` makes of them. Leaves the
# calls in $work/SCENARIO.calls, a line each: function, return value.
check_tapes() {
  local scenario=$1 tapes=$work/$1.tapes secret
  compgen -G "$tapes/*.p11tape" >/dev/null || fail "$scenario: no tape in $tapes"
  "$program" show "$tapes"/*.p11tape >"$work/$scenario.text" || fail "$scenario: p11tape show ended with $?"
  "$program" show --json "$tapes"/*.p11tape >"$work/$scenario.json" || fail "$scenario: p11tape show --json ended with $?"
  /usr/bin/python3 "$here/calls.py" <"$work/$scenario.json" >"$work/$scenario.calls" || fail "$scenario: bad JSON"
  for secret in "${secrets[@]}"; do
    if grep -alF -e "$secret" "$tapes"/* "$work/$scenario.text" "$work/$scenario.json"; then
      fail "$scenario: the files above contain the PIN $secret"
    fi
  done
}

# expect_call SCENARIO FUNCTION RESULT [COUNT]: that many such calls are on the tape, or at least one.
expect_call() {
  local found
  found=$(grep -cxF "$2 $3" "$work/$1.calls" || true)
  if [[ -n ${4-} && $found -ne $4 ]] || [[ $found -eq 0 ]]; then
    fail "$1: $found calls $2 with $3 on the tape instead of ${4:-at least one}: $(sort "$work/$1.calls" | uniq -c)"
  fi
}

# expect_spy_agrees SCENARIO: OpenSC's own recorder, run in our place, saw the same calls with the same results. How the
# function list was asked for is left out: the spy has no C_GetInterfaceList and counts differently there.
expect_spy_agrees() {
  local scenario=$1 way=spy folder=$work/$1.spy module tapes
  module=$(first_of /usr/lib/*/pkcs11/pkcs11-spy.so /usr/lib64/pkcs11/pkcs11-spy.so)
  mkdir -p "$folder/files"
  cp -a "$work/token" "$folder.token"
  use_token "$folder.token"
  (
    cd "$folder/files"
    export PKCS11SPY=$real PKCS11SPY_OUTPUT=$folder/log
    "$scenario" >../stdout 2>../stderr
  ) || fail "$scenario failed with pkcs11-spy: $(cat "$folder/stderr")"
  awk '/^[0-9]+: C_/ { name = $2 } /^Returned: / { print name, $3 }' "$folder/log" |
    grep -vE '^C_Get(FunctionList|Interface)' >"$folder.calls"
  diff -u "$folder.calls" <(grep -vE '^C_Get(FunctionList|Interface)' "$work/$scenario.calls") >"$work/difference" || {
    cat "$work/difference" >&2
    fail "$scenario: the tape (+) does not have the calls that pkcs11-spy saw (-)"
  }
}
