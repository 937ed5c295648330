# SPDX-License-Identifier: Apache-2.0
# Real pcscd, real OpenSC and ykcs11, and one of our cards in pcscd's virtual reader, in namespaces of their own: nothing of
# it can be seen from outside, nothing clashes with a pcscd of the machine, and all of it ends with the namespace.
# Usage: vpcd.sh SHIM PROGRAM VPCD-CARD. Exit status 77: this machine cannot do it, and why.
# shellcheck shell=bash

set -euo pipefail
export LC_ALL=C.UTF-8

shim=$(realpath "$1")
program=$(realpath "$2")
# shellcheck source=tests/instrumented.sh
source "$(dirname "${BASH_SOURCE[0]}")/../instrumented.sh"
card=$(realpath "$3")

skip() {
  printf 'skipped: %s\n' "$*"
  exit 77
}

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

if [[ ${4-} != inside ]]; then
  command -v pcscd unshare ip ss opensc-tool pkcs11-tool >/dev/null || skip "pcscd, util-linux, iproute2 or opensc is missing"
  [[ -e /usr/lib/pcsc/drivers/serial/libifdvpcd.so ]] || skip "vsmartcard-vpcd is missing"
  work=$(mktemp -d "${TMPDIR:-/tmp}/p11tape-vpcd.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  new=(unshare --mount --net --pid --fork --kill-child --mount-proc)
  [[ $(id -u) == 0 ]] || new+=(--user --map-root-user)
  "${new[@]}" true 2>/dev/null || skip "namespaces are forbidden here (unshare)"
  status=0
  for which in sc-hsm piv; do
    "${new[@]}" bash "$0" "$shim" "$program" "$card" inside "$which" "$work" || status=$?
  done
  exit "$status"
fi

which=$5
work=$6/$which
mkdir "$work"

# wait_for WHAT COMMAND...: up to ten seconds.
wait_for() {
  local what=$1 tries=0
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [[ $tries -lt 100 ]] || fail "$what does not come up: $(cat "$work"/*.log)"
    sleep 0.1
  done
}

mkdir -p /run/pcscd
mount -t tmpfs tmpfs /run/pcscd
ip link set lo up
mkdir "$work/readers"
cat >"$work/readers/virtual" <<EOF
FRIENDLYNAME "Yubico YubiKey CCID"
DEVICENAME /dev/null:0x8C7B
LIBPATH /usr/lib/pcsc/drivers/serial/libifdvpcd.so
CHANNELID 0x8C7B
EOF
pcscd --foreground --config "$work/readers" >"$work/pcscd.log" 2>&1 &
listens() { [[ -S /run/pcscd/pcscd.comm ]] && ss -ltn | grep -q :35963; }
wait_for pcscd listens
"$card" "$which" >"$work/card.log" 2>&1 &
card_process=$!
has_card() { opensc-tool -l | grep -q Yes; }
wait_for "the card" has_card

# tool MODULE TAPES ARGUMENT...: pkcs11-tool with the shim, and in front of it the runtime of a sanitizer if there is one.
tool() {
  exec "${instrumented[@]}" P11TAPE_MODULE="$1" P11TAPE_DIR="$2" pkcs11-tool --module "$shim" "${@:3}"
}

# with MODULE PIN: logs in with pkcs11-tool, and shows the login as JSON on stdout.
with() {
  local tapes=$work/tapes-$((RANDOM))$((RANDOM))
  (tool "$1" "$tapes" --login --pin "$2" -O) >"$work/tool.log" 2>&1 || true
  "$program" show --json --function C_Login "$tapes"
  if grep -qr "$2" "$tapes"; then fail "the PIN is on the tape"; fi
}

# expect TEXT JSON
expect() {
  grep -qF -- "$1" <<<"$2" || fail "$which: no $1 in: $2"
}

# first_of FILE...: the first that exists.
first_of() {
  local file
  for file in "$@"; do
    if [[ -e $file ]]; then
      printf '%s' "$file"
      return
    fi
  done
}

# imports PIN STATUS-WORD: what OpenSC itself logs of a login becomes a tape with the VERIFY and its status word under the
# C_Login, without the PIN; and the cleaned log has no PIN either.
imports() {
  local log=$work/opensc-$2.log hex
  OPENSC_DEBUG=9 pkcs11-tool --module "$opensc" --login --pin "$1" -O >"$log" 2>&1 || true
  "$program" import -o "$work/imported-$2" "$log" >"$work/import.log" || fail "$which: $(cat "$work/import.log")"
  expect '"command":"VERIFY"' "$("$program" show --json --function C_Login "$work/imported-$2")"
  expect "\"sw\":\"$2\"" "$("$program" show --json --function C_Login "$work/imported-$2")"
  hex=$(printf '%s' "$1" | od -An -tx1 | tr -d '\n' | tr a-f A-F)
  grep -qF -- "${hex# }" "$log" || fail "$which: OpenSC does not log the PIN any more: this test shows nothing"
  "$program" import --clean "$log" >"$work/clean.log"
  if grep -qF -e "$1" -e "${hex# }" "$work/clean.log"; then fail "the PIN is in the cleaned log"; fi
  printf "%s" "$1" | "$program" verify-clean --secret-from - "$work/imported-$2" >/dev/null || fail "the PIN is on the imported tape"
}

opensc=$(first_of /usr/lib/*/opensc-pkcs11.so /usr/lib64/opensc-pkcs11.so)
[[ -n $opensc ]] || fail "opensc-pkcs11 is missing"
case $which in
  sc-hsm)
    expect '"sw":"9000"' "$(with "$opensc" 648219)"
    imports 648219 9000
    expect '"sw":"63C2"' "$(with "$opensc" 111111)"
    expect '"tries_left":1' "$(with "$opensc" 111111)"
    expect '"sw":"6983"' "$(with "$opensc" 111111)"
    expect '"outcome":"blocked"' "$(with "$opensc" 648219)"
    ;;
  piv)
    expect '"sw":"9000"' "$(with "$opensc" 123456)"
    imports 123456 9000
    expect '"tries_left":2' "$(with "$opensc" 999999)"
    yubico=$(first_of /usr/lib/*/libykcs11.so.2)
    if [[ -n $yubico ]]; then
      expect '"target":"PIN"' "$(with "$yubico" 123456)"
      expect '"sw":"63C2"' "$(with "$yubico" 999999)"
    fi
    # The card is pulled in the middle: pkcs11-tool has logged in, and waits for what it is to sign.
    tapes=$work/pulled
    mkfifo "$work/input"
    tool "$opensc" "$tapes" --login --pin 123456 --sign -m RSA-PKCS -i "$work/input" -o "$work/signature" \
      >"$work/tool.log" 2>&1 &
    signer=$!
    logged_in() { "$program" show --json --function C_Login "$tapes" | grep -q CKR_OK; }
    wait_for "the login" logged_in
    kill "$card_process"
    no_card() { ! has_card; }
    wait_for "the removal" no_card
    echo text >"$work/input"
    wait "$signer" && fail "signed without a card"
    expect '"outcome":"removed"' "$("$program" show --json --errors "$tapes")"
    ;;
esac
