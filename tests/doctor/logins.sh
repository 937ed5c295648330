#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# p11tape doctor logs in only where it is told to, once in all, and not where one more wrong PIN would lock the token. A
# module in front of SoftHSM counts. Usage: logins.sh SHIM PROGRAM FRONT-MODULE
# shellcheck source=tests/doctor/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export FRONT_MODULE=$module FRONT_LOG=$work/logins
module=$(realpath "$3")

# logged_in COUNT WHAT: so many logins were tried since the last time.
logged_in() {
  local found=0
  [[ ! -e $FRONT_LOG ]] || found=$(wc -l <"$FRONT_LOG")
  rm -f "$FRONT_LOG"
  [[ $found -eq $1 ]] || fail "$2: $found logins instead of $1"
}

mq_ini 'mytoken (UserPIN)'
printf 'name = x\nlibrary = %s\nslotListIndex = 0\n' "$module" >java.cfg
printf %s 'wrong-pin' >wrong
printf %s "$pin" >right
clients=(--mq-ini mqclient.ini --java java.cfg --module "$module")

expect 0 doctor "${clients[@]}"
logged_in 0 'without --pin'
expect 0 doctor --mq-ini mqclient.ini --pin file:right
logged_in 1 'with --pin'
expect 0 doctor --mq-ini mqclient.ini --pin file:right --no-load
logged_in 0 'with --no-load'
expect 1 doctor "${clients[@]}" --pin file:wrong
says 'CKR_PIN_INCORRECT'
says 'few tries may be left'
logged_in 1 'three clients of one token, and a wrong PIN'
expect 1 doctor --module "$module" --token-label 'no such token' --pin file:wrong
logged_in 0 'a token that is not there'
# SoftHSM remembers the wrong PIN (CKF_USER_PIN_COUNT_LOW).
expect 1 doctor --mq-ini mqclient.ini --pin file:right
says 'Wrong PINs were given earlier, and few tries may be left'
logged_in 0 'after a wrong PIN'
expect 0 doctor --mq-ini mqclient.ini --pin file:right --yes-final-try
says 'The login succeeded'
logged_in 1 'after a wrong PIN, with --yes-final-try'

# The configured PIN: one try for each token, whatever the number of configurations.
expect 0 doctor --mq-ini mqclient.ini --pin configured
says 'The login succeeded'
logged_in 1 'the configured PIN'
sed 's/pin-[A-Za-z0-9-]*/wrong-pin/' mqclient.ini >wrong.ini
chmod 600 wrong.ini
printf 'GSK_PKCS11=%s;mytoken (UserPIN);wrong-pin;SYMMETRIC_CIPHER_OFF;' "$module" >string
chmod 600 string
expect 1 doctor --sslcryp file:string --mq-ini wrong.ini --pin configured
logged_in 1 'two configurations of one token'
says 'few tries may be left'
# A token whose flags do not tell of the first try gets no second one, either.
FRONT_CLEAR=0x10000 expect 1 doctor --sslcryp file:string --mq-ini wrong.ini --pin configured
logged_in 1 'two configurations of one token that counts no tries'
says 'A PIN was already tried on this token'
expect 1 doctor --java java.cfg --pin configured
says 'The configuration contains none'
logged_in 0 'a configuration without a PIN'
printf '%s\n' "$pin" >pin-file
printf 'openssl_conf = i\n[i]\nproviders = p\n[p]\ndefault = d\npkcs11 = s\n[d]\nactivate = 1\n[s]\nmodule = /x/pkcs11.so\npkcs11-module-path = %s\npkcs11-module-token-pin = file:%s\nactivate = 1\n' "$module" "$work/pin-file" >openssl.cnf
expect 0 doctor --openssl openssl.cnf --pin configured --yes-final-try
logged_in 1 'a PIN in a file'
says 'The login succeeded'

# CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED
FRONT_ADD=0x20000 expect 1 doctor --mq-ini mqclient.ini --pin file:wrong
says 'Only one PIN try is left'
says '--yes-final-try'
logged_in 0 'on the last try'
FRONT_ADD=0x20000 expect 0 doctor --mq-ini mqclient.ini --pin file:right --yes-final-try
says 'The login succeeded'
logged_in 1 'on the last try, as it was told'
FRONT_ADD=0x40000 expect 1 doctor --mq-ini mqclient.ini --pin file:right --yes-final-try
logged_in 0 'on a locked token'

# What stands in a PIN's place is tried nowhere, neither given nor configured.
rm wrong.ini string
for mask in '***' '(*********)' xxxxxx XXXX '<password>' '<PIN>' '${PIN}' '{{ pin }}' '......' '•••••' 'PIN of the token' '[redacted]' '  ' ''; do
  printf %s "$mask" >mask
  expect 1 doctor --mq-ini mqclient.ini --pin file:mask
  says 'The login was not tried'
  says 'Use --pin prompt'
  logged_in 0 "--pin with the mask '$mask'"
  escaped=${mask//#/\\#}
  printf 'SSL:\n  SSLCryptoHardware=GSK_PKCS11=%s\\;mytoken (UserPIN)\\;%s\\;SYMMETRIC_CIPHER_OFF\\;\n' "$module" "$escaped" >masked.ini
  chmod 600 masked.ini
  expect 1 doctor --mq-ini masked.ini --pin configured
  says 'The configured PIN cannot be tried'
  says 'Use --pin prompt'
  logged_in 0 "the configured mask '$mask'"
done
# PINs that only look a little like one are tried.
for almost in 000000 xyxxxx '<4711' 'a***b'; do
  printf %s "$almost" >wrong
  expect 1 doctor --mq-ini mqclient.ini --pin file:wrong --yes-final-try
  says 'CKR_PIN_INCORRECT'
  logged_in 1 "--pin with '$almost'"
done
expect 0 doctor --mq-ini mqclient.ini --pin file:right --yes-final-try
rm -f "$FRONT_LOG"
# A queue manager shows a mask: that is how it is, and no fault of the configuration.
printf 'AMQ8408I: Display Queue Manager details.\n   QMNAME(QM1)\n   SSLCRYP(GSK_PKCS11=%s;mytoken (UserPIN);xxxxxx;SYMMETRIC_CIPHER_OFF;)\n' "$module" >display
expect 0 doctor --sslcryp file:display
says 'info: The password is a mask or a placeholder, not a PIN'
expect 1 doctor --sslcryp file:display --pin configured
says 'The configured PIN cannot be tried'
logged_in 0 'the mask of DISPLAY QMGR'
expect 0 doctor --sslcryp file:display --pin file:right
logged_in 1 'the mask of DISPLAY QMGR, and a PIN beside it'

# The PIN in the key URI of a server, with the module that its openssl.cnf names.
printf 'openssl_conf = i\n[i]\nengines = e\n[e]\npkcs11 = s\n[s]\nengine_id = pkcs11\nMODULE_PATH = %s\n' "$module" >engine.cnf
server() { # server PIN-ATTRIBUTE
  printf 'events {}\nenv OPENSSL_CONF;\nssl_engine pkcs11;\nhttp { server { ssl_certificate_key "engine:pkcs11:pkcs11:token=mytoken%%20(UserPIN);object=key?%s"; } }\n' "$1" >nginx.conf
  chmod 600 nginx.conf
}
server "pin-value=$pin"
expect 0 doctor --openssl engine.cnf --nginx nginx.conf --pin configured
says 'The login succeeded'
logged_in 1 'the PIN of a key URI'
server "pin-source=file:$work/pin-file"
expect 0 doctor --openssl engine.cnf --nginx nginx.conf --pin configured
says 'The login succeeded'
logged_in 1 'the PIN file of a key URI'
server 'pin-value=%2A%2A%2A%2A'
expect 1 doctor --openssl engine.cnf --nginx nginx.conf --pin configured
says 'The configured PIN cannot be tried'
logged_in 0 'a mask in a key URI'
server "pin-value=$pin"
expect 0 doctor --openssl engine.cnf --nginx nginx.conf
logged_in 0 'a key URI, without --pin'
