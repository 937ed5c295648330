#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# IBM MQ: not itself, which is not to be had here, but a driver that reads a mqclient.ini and makes the calls of MQ's GSKit
# in their order. It stands in for amqsputc, and a script that prints what DISPLAY QMGR prints for runmqsc.
# Usage: mq.sh SHIM PROGRAM GSKIT-DRIVER
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
ln "$3" "$usr/bin/gskit_driver" 2>/dev/null || cp "$3" "$usr/bin/gskit_driver"
printf '#!/bin/sh\nexec gskit_driver --mq-ini mqclient.ini\n' >"$usr/bin/amqsputc"
chmod +x "$usr/bin/amqsputc"
heading='IBM MQ: a client'
configuration=(mqclient.ini)

# The snippet, with this token's label and PIN, and a certificate's label, which MQ takes from the same stanza.
prepare() {
  snippet mqclient.ini | sed "s|PIN of the token|$pin|" >mqclient.ini
  printf '   CertificateLabel=signer\n' >>mqclient.ini
  chmod 600 mqclient.ini
  arguments=(--mq-ini mqclient.ini)
  edit "s|^amqsputc .*|amqsputc; echo \"amqsputc ended with \$?\"|"
}

make_token
healthy 'The token label matches' 'amqsputc ended with 0'
[[ $(p11tape show --json tapes | grep -c '"C_Sign"') -eq 1 ]] || fail 'nothing was signed'
by_hand amqsputc

broken wrong-pin P12 sed -i "s|$pin|$wrong_pin|" mqclient.ini
cp said "$work/wrong-pin.said"
broken wrong-label P9 sed -i 's|;mytoken|;another|' mqclient.ini
# What MQ's tools say is the same for both: the tapes told them apart.
cmp <(grep CTGSK said) <(grep CTGSK "$work/wrong-pin.said") || fail 'the driver tells a wrong PIN from a wrong label'
broken no-certificate P21 sed -i 's|CertificateLabel=.*|CertificateLabel=ibmwebspheremqalice|' mqclient.ini
broken ids-differ P22 part_key_and_certificate
broken no-module P1 sed -i "s|GSK_PKCS11=[^;]*so|GSK_PKCS11=/nowhere/libmodule.so|" mqclient.ini
broken empty-token P11 empty_token
broken key-may-not-sign P52 forbid_signing

# Nothing reaches the module: MQ reads a path alone.
begin unescaped
sed -i 's/\\;/;/g' mqclient.ini
! gskit_driver --mq-ini mqclient.ini >said || fail 'the driver read a string that MQ would not'
grep -q AMQ9629E said || fail "the driver does not say what MQ says: $(cat said)"
doctored unescaped-doctor CFG201 sed -i 's/\\;/;/g' mqclient.ini
doctored too-long CFG113 sed -i "s|GSK_PKCS11=|GSK_PKCS11=/usr$(printf '/%0200d' 0)/..|" mqclient.ini
doctored no-module-doctor CFG501 sed -i "s|GSK_PKCS11=[^;]*so|GSK_PKCS11=/nowhere/libmodule.so|" mqclient.ini

# Labels that do not match, by what is wrong with them. The token is an empty one: nobody gets so far as its objects.
label() { # label CLASS TOKEN-LABEL CONFIGURED-LABEL
  rm -r "$work/token"
  use_token "$work/token"
  softhsm2-util --init-token --free --label "$2" --pin "$pin" --so-pin "$so_pin" >/dev/null || fail "no token $2"
  broken "label-$1" "$1" configure_label "$3"
  p11tape doctor "${arguments[@]}" >doctor.said || true
  grep -qF "($1)" doctor.said || fail "label-$1: the doctor does not say so: $(cat doctor.said)"
}
configure_label() {
  LABEL=$1 /usr/bin/python3 -c 'import os
text = open("mqclient.ini", "rb").read()
open("mqclient.ini", "wb").write(text.replace(b";mytoken", b";" + os.environb[b"LABEL"]))'
}
label P9a mytoken MyToken
label P9b 'my token' 'my  token'
label P9c 'my token' '"my token"'
label P9d 'a label that is much too long fo' 'a label that is much too long for a token'
label P9e mytoken 'SoftHSM v2'
label P9g 'mytoken (UserPIN)' 'UserPIN (mytoken)'
label P9h 'User PIN (myCard' 'User PIN (myCard)'
label P9i 'card. one' 'card: one'
label P9j 'mytoken (UserPIN)' mytoken
label P9k $'Schl\xFCssel' Schlüssel
