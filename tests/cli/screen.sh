#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What diagnose, doctor and summary say in a terminal of 24 rows and 80 columns: the answer, two lines of evidence and the fix
# are on the first screen, and nothing is wider than the terminal but lines that are there to be pasted.
# Usage: screen.sh SHIM PROGRAM GSKIT-DRIVER
# shellcheck source=tests/diagnose/lib.sh disable=SC2154
source "$(dirname "$0")/../diagnose/lib.sh"
token_label='mytoken (UserPIN)'
make_token
softhsm2-util --init-token --free --label 'other card' --pin 'pin-of-the-other' --so-pin "$so_pin" >/dev/null
export TERM=xterm
screen=$(realpath "$(dirname "$0")/screen.py")

# on_screen NAME STATUS ARGUMENT...: the whole output is in $work/NAME.rows, the first screen in $work/NAME.screen.
on_screen() {
  local name=$1 wanted=$2
  shift 2
  python3 "$screen" 80 24 "$program" "$@" >"$work/$name.rows" || fail "$name: no screen"
  [[ $(head -n 1 "$work/$name.rows") == "status $wanted" ]] || fail "$name: p11tape $* ended otherwise than with $wanted: $(cat "$work/$name.rows")"
  sed -n '2,25p' "$work/$name.rows" >"$work/$name.screen"
  # Settings and commands are one line each, however long; all else is wrapped, where it has a space.
  if grep '^| ' "$work/$name.rows" | grep -vE '^\|   (that is: | *(Run )? *(sudo |pkcs11-tool |p11tape |readelf |ldconfig |namei |ls )| *(SSLCryptoHardware|GSK_PKCS11)=)|^\| +[^ ]+$' >"$work/wide"; then
    fail "$name: p11tape $* is wider than the terminal: $(cat "$work/wide")"
  fi
}
# first_screen NAME TEXT...: all of them are there; a text may be wrapped.
first_screen() {
  local name=$1 text all
  shift
  all=$(cut -c 3- "$work/$name.screen" | tr -s ' \n' ' ')
  for text in "$@"; do
    [[ $all == *"$text"* ]] || fail "$name: \"$text\" is not on the first screen: $(cat "$work/$name.rows")"
  done
}
driver() { GSKIT_PIN=$1 run "$gskit" "$module" "${@:2}"; }
string() { printf 'SSL:\n   SSLKeyRepository=/k\n   SSLCryptoHardware=GSK_PKCS11=%s\\;%s\\;%s\\;SYMMETRIC_CIPHER_OFF\\;\n' "$real" "$2" "$pin" >"$1" && chmod 600 "$1"; }

record label driver "$pin" 'UserPIN (mytoken)'
string "$work/label.ini" 'UserPIN (mytoken)'
on_screen diagnose-label 1 diagnose --mq-ini "$work/label.ini" "$work/label.tapes"
first_screen diagnose-label 'ERROR P9g' AMQ9669E '"UserPIN (mytoken)"' 'configure exactly: mytoken (UserPIN)' 'that is: SSLCryptoHardware=' 'Evidence' 'Fix' 'REFRESH SECURITY'
on_screen doctor-label 1 doctor --mq-ini "$work/label.ini"
first_screen doctor-label 'error: The token label does not match' '"mytoken (UserPIN)"' SSLCryptoHardware=GSK_PKCS11 AMQ9669E
(cd "$work" && mkdir here && cp label.ini here/mqclient.ini)
(cd "$work/here" && HOME=$work on_screen doctor-here 1 doctor)
first_screen doctor-here 'error: The token label does not match' '"mytoken (UserPIN)"'

record pin driver "$wrong_pin" 'mytoken (UserPIN)'
string "$work/pin.ini" 'mytoken (UserPIN)'
on_screen diagnose-pin 1 diagnose --mq-ini "$work/pin.ini" "$work/pin.tapes"
first_screen diagnose-pin 'ERROR P12' 'CKR_PIN_INCORRECT' 'Evidence' 'the passed PIN is' 'Fix' 'Run'
on_screen doctor-pin 0 doctor --mq-ini "$work/pin.ini"
first_screen doctor-pin 'warning: Wrong PINs were given earlier' 'Verify the PIN' '0 errors, 1 warning'

record missing env P11TAPE_MODULE=/nowhere/module.so P11TAPE_DIR="$work/missing.tapes" pkcs11-tool --module "$shim" --list-slots
on_screen diagnose-missing 1 diagnose "$work/missing.tapes"
first_screen diagnose-missing 'ERROR P1' '/nowhere/module.so' 'Evidence' 'Fix' 'Run'

# Several processes, and a program with many functions.
many() { for _ in 1 2 3; do driver "$wrong_pin" 'mytoken (UserPIN)'; done; run pkcs11-tool --module "$module" --token-label "$token_label" --login --pin "$pin" --test; }
record many many
on_screen diagnose-many 1 diagnose "$work/many.tapes"
first_screen diagnose-many 'ERROR P12' 'Evidence' 'Fix'
on_screen summary-one 0 summary "$work/pin.tapes"
first_screen summary-one gskit_driver 'mytoken (UserPIN)' C_Login CKR_PIN_INCORRECT COMPLETE
on_screen summary-many 0 summary "$work"/many.tapes/pkcs11-tool.*
[[ $(wc -l <"$work/summary-many.rows") -le 26 ]] || fail "the summary of one tape is longer than a screen: $(cat "$work/summary-many.rows")"
first_screen summary-many pkcs11-tool 'mytoken (UserPIN)' COMPLETE '--verbose'
on_screen summary-verbose 0 summary --verbose "$work"/many.tapes/pkcs11-tool.*
grep -q C_SeedRandom "$work/summary-verbose.rows" || fail "--verbose does not show all functions: $(cat "$work/summary-verbose.rows")"
[[ $(wc -l <"$work/summary-verbose.rows") -gt $(wc -l <"$work/summary-many.rows") ]] || fail '--verbose shows no more'
