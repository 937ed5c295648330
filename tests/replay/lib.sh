# SPDX-License-Identifier: Apache-2.0
# What the tests of replays share: tokens of the same content, recording a client, replaying its tape.
# Usage of a test: NAME.sh SHIM PROGRAM, as those of tests/clients, whose helpers they use.
# shellcheck shell=bash
# shellcheck source=tests/clients/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../clients/lib.sh"
export PIN=$pin WRONG=$wrong_pin

# another_token FOLDER LABEL [empty]: a token of its own, so with another serial number and in another slot, with the key
# and the certificate of make_token unless it is to be empty. SoftHSM uses it from now on.
another_token() {
  use_token "$1"
  {
    softhsm2-util --init-token --free --label "$2" --pin "$pin" --so-pin "$so_pin"
    if [[ ${3-} != empty ]]; then
      softhsm2-util --import "$work/key" --token "$2" --pin "$pin" --label signer --id 01
      pkcs11-tool --module "$real" --login --pin "$pin" --write-object "$work/certificate.der" --type cert --label signer --id 01
    fi
  } >"$1.log" 2>&1 || fail "could not make another token: $(cat "$1.log")"
}

# record NAME COMMAND...: runs a client with the shim; $tape is its tape, the first one where it is several processes.
record() {
  local name=$1
  shift
  mkdir -p "$work/$name.tapes"
  P11TAPE_MODULE=$real P11TAPE_DIR=$work/$name.tapes "${instrumented[@]}" "$@" >"$work/$name.out" 2>&1 || true
  tape=$(compgen -G "$work/$name.tapes/*.p11tape" | head -n 1) || fail "$name left no tape: $(cat "$work/$name.out")"
}

# replay NAME STATUS OPTION...: replays $tape on $real, and expects that exit status. The report is in $work/NAME.report.
replay() {
  local name=$1 expected=$2 status=0
  shift 2
  "$program" replay --module "${module:-$real}" "$@" "$tape" >"$work/$name.report" 2>&1 || status=$?
  [[ $status == "$expected" ]] || fail "$name: exit status $status instead of $expected: $(cat "$work/$name.report")"
  local secret
  for secret in "${secrets[@]}"; do
    ! grep -qF -e "$secret" "$work/$name.report" || fail "$name: the report has the PIN $secret"
  done
}

# expect NAME TEXT: the report has the text.
expect() { grep -qF -e "$2" "$work/$1.report" || fail "$1: the report lacks \"$2\": $(cat "$work/$1.report")"; }
expect_not() { ! grep -qF -e "$2" "$work/$1.report" || fail "$1: the report has \"$2\": $(cat "$work/$1.report")"; }
