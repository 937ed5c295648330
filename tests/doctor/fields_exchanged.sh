# SPDX-License-Identifier: Apache-2.0
# Label and password have changed places in a configuration: the PIN then stands where the label is printed. No command
# prints it, and swap and restore still put back every byte.
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

P11TAPE_MODULE=$module P11TAPE_DIR=$work/tapes "${instrumented[@]}" pkcs11-tool --module "$shim" --list-token-slots >/dev/null

# exchanged LABEL PASSWORD: the string with both in the wrong order, in each place that swap changes.
exchanged() {
  local string="GSK_PKCS11=$module;$2;$1;SYMMETRIC_CIPHER_ON;"
  printf '%s' "$string" > string
  expect 0 swap --sslcryp file:string --shim "$shim" --into "$work/c"
  says 'SSLCRYP('
  says '<token label>;<password>'
  expect 0 swap --dry-run --sslcryp file:string --shim "$shim" --into "$work/c"
  says '<token label>;<password>'
  expect 0 restore --sslcryp file:string
  says '<token label>;<password>'
  expect 0 doctor --no-load --sslcryp file:string
  says 'The token label looks like a PIN'
  expect 1 diagnose --sslcryp file:string tapes

  printf 'SSL:\n  SSLKeyRepository=/k\n  SSLCryptoHardware=%s\n' "${string//;/\\;}" > mqclient.ini
  chmod 600 mqclient.ini
  cp -p mqclient.ini original
  expect 0 swap --mq-ini mqclient.ini --shim "$shim" --into "$work/c" --dry-run
  says "+   SSLCryptoHardware=GSK_PKCS11=$work/c/p11mq.so"
  expect 0 swap --mq-ini mqclient.ini --shim "$shim" --into "$work/c"
  expect 0 swap --mq-ini mqclient.ini --shim "$shim" --into "$work/c"
  says 'already in place'
  expect 1 swap --mq-ini mqclient.ini --shim "$shim" --into "$work/d"
  grep -qF "$2" mqclient.ini || fail 'the configuration lost its second field'
  expect 0 doctor --no-load --mq-ini mqclient.ini
  expect 0 restore --mq-ini mqclient.ini --remove-copy
  cmp mqclient.ini original || fail 'restore did not put the same bytes back'
}

exchanged 'mytoken (UserPIN)' "$pin"
pin=40718253
exchanged 'mytoken (UserPIN)' "$pin"
exchanged 'token1' "$pin"
# A protected password is as good as the PIN.
pin='<P11>!2!kBw0Qm9x!c2Fm'
exchanged 'mytoken (UserPIN)' "$pin"
