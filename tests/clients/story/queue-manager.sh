#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# IBM MQ's queue manager, whose configuration is a string that runmqsc shows: a script stands in for it.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
heading='IBM MQ: a queue manager'
cat >"$usr/bin/runmqsc" <<'END'
#!/bin/sh
echo '     1 : DISPLAY QMGR SSLCRYP'
echo 'AMQ8408I: Display Queue Manager details.'
echo '   QMNAME(QM1)'
echo "   SSLCRYP($(cat "$HOME/string"))"
END
chmod +x "$usr/bin/runmqsc"
prepare() {
  echo "GSK_PKCS11=$real;mytoken;$pin;SYMMETRIC_CIPHER_OFF;" >string
  edit "s|/var/mqm/trace/tapes|$story/tapes|"
}
# As an administrator does what swap printed: the new path, and the password typed again.
alter() {
  sed -n "s/^ *ALTER QMGR SSLCRYP('\(.*\)')/\1/p" said | tail -n 1 | sed "s/<password>/$pin/" >string
  grep -q "^GSK_PKCS11=$1;mytoken;$pin;SYMMETRIC_CIPHER_OFF;\$" string || fail "the command is not as it should be: $(cat said)"
}

make_token
[[ $(commands | wc -l) -le 10 ]] || fail "config/README.md, $heading: more than ten lines"
begin healthy
edit '/p11tape restore/d'
play -e
[[ $status -eq 0 ]] || fail "the README's commands ended with $status: $(cat said)"
grep -q 'The token label matches' said || fail "the doctor did not look at the token: $(cat said)"
without_secrets said
alter "$usr/lib/pkcs11/p11mq.so"
pkcs11-tool --module "$usr/lib/pkcs11/p11mq.so" --login --pin "$pin" --list-objects >listed 2>&1 || fail "the copy does not work: $(cat listed)"
runmqsc QM1 >sslcryp
judge 0 --sslcryp file:sslcryp
p11tape restore --sslcryp file:sslcryp >said
without_secrets said
alter "$real"

# The whole of it, and three that are broken.
begin whole
play -e
[[ $status -eq 0 ]] || fail "the README's commands ended with $status: $(cat said)"
arguments=(--sslcryp file:string)
doctored wrong-label CFG605 sed -i 's/;mytoken/;another/' string
doctored no-module CFG501 sed -i 's|GSK_PKCS11=[^;]*|GSK_PKCS11=/nowhere/libmodule.so|' string
doctored quoted CFG103 sed -i 's/.*/"&"/' string
arguments+=(--pin file:pin)
doctored wrong-pin CFG615 wrong_pin
