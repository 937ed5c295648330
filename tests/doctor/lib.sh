# SPDX-License-Identifier: Apache-2.0
# Shared by the tests of this folder: a SoftHSM token and a mqclient.ini in a temporary folder. Usage: NAME.sh SHIM PROGRAM
# shellcheck shell=bash
set -euo pipefail
export LC_ALL=C.UTF-8
shim=$(realpath "$1")
program=$(realpath "$2")
module=/usr/lib/softhsm/libsofthsm2.so
pin='pin-Ohlo7-voqu4'
work=$(mktemp -d "${TMPDIR:-/tmp}/p11tape-doctor.XXXXXX")
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/instrumented.sh
source "$(realpath "$(dirname "${BASH_SOURCE[0]}")/../instrumented.sh")"
cd "$work"
mkdir home tokens
export HOME=$work/home SOFTHSM2_CONF=$work/softhsm2.conf
unset MQCLNTCF MQSSLCRYP PKCS11_MODULE_PATH PKCS11_PROVIDER_MODULE
for variable in "${!P11TAPE_@}"; do
  [[ $variable == P11TAPE_TEST_PRELOAD ]] || unset "$variable"
done
echo "directories.tokendir = $work/tokens" > softhsm2.conf
softhsm2-util --init-token --free --label 'mytoken (UserPIN)' --so-pin 'so-Aeg6k-ahj2' --pin "$pin" > /dev/null

fail() {
  printf 'FAILED: %s\n--- output:\n%s\n' "$*" "$(cat output)" >&2
  exit 1
}

# expect STATUS ARGUMENT...: runs the program; its output, which must never hold the PIN, is in `output`.
expect() {
  local status=0 wanted=$1
  shift
  "$program" "$@" > output 2>&1 || status=$?
  [[ $status == "$wanted" ]] || fail "p11tape $* ended with $status instead of $wanted"
  ! grep -qF -- "$pin" output || fail "p11tape $* shows the PIN"
}

says() { grep -qF -- "$1" output || fail "it does not say: $1"; }
silent_on() { ! grep -qF -- "$1" output || fail "it says: $1"; }

mq_ini() {  # mq_ini LABEL
  printf 'SSL:\r\n  SSLKeyRepository=/k\r\n  SSLCryptoHardware=GSK_PKCS11=%s\\;%s\\;%s\\;SYMMETRIC_CIPHER_OFF\\;\r\n' \
    "$module" "$1" "$pin" > mqclient.ini
  chmod 600 mqclient.ini
}
