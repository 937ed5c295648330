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
says 'doctor never makes more than one'
logged_in 1 'three clients of one token, and a wrong PIN'
expect 1 doctor --module "$module" --token-label 'no such token' --pin file:wrong
logged_in 0 'a token that is not there'
expect 1 doctor --mq-ini mqclient.ini --pin file:right
logged_in 1 'after a wrong PIN'

# CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED
FRONT_ADD=0x20000 expect 1 doctor --mq-ini mqclient.ini --pin file:wrong
says 'Only one PIN try is left'
says '--yes-final-try'
logged_in 0 'on the last try'
FRONT_ADD=0x20000 expect 1 doctor --mq-ini mqclient.ini --pin file:right --yes-final-try
says 'The login succeeded'
logged_in 1 'on the last try, as it was told'
FRONT_ADD=0x40000 expect 1 doctor --mq-ini mqclient.ini --pin file:right --yes-final-try
logged_in 0 'on a locked token'
