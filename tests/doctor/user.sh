#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# p11tape doctor loads the module as the user who runs the client, with the environment of its service; and reports the
# dates of certificates. Usage: user.sh SHIM PROGRAM FRONT-MODULE
# shellcheck source=tests/doctor/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export FRONT_MODULE=$module
front=$(realpath "$3")

# The unit's variables, of its file, of a drop-in and of its environment files, are those of the module.
mkdir web.service.d
printf '[Unit]\nDescription=x\n[Service]\nEnvironment="FRONT_NOTE=from the unit" FRONT_MODULE=%s\nEnvironment=SOFTHSM2_CONF=%s\n' \
  "$module" "$SOFTHSM2_CONF" >web.service
printf '[Service]\nEnvironmentFile=-/nowhere/optional\nEnvironmentFile=%s\n' "$work/variables" >web.service.d/more.conf
printf '# a comment\nFRONT_WHO="%s"\n' "$work/who" >variables
FRONT_NOTE='not this one' expect 0 doctor --module "$front" --unit "$work/web.service" --user "$(id -un)"
[[ $(sort -u who) == "$(id -u) from the unit" ]] || fail "the module did not run with the unit's environment: $(cat who)"
says '"mytoken (UserPIN)"'
rm variables who
expect 0 doctor --module "$front" --unit "$work/web.service" --user "$(id -un)"
says 'CFG625'
expect 2 doctor --module "$front" --unit no-such-unit-of-p11tape
says 'does not exist'

# Certificates: expired, not valid yet, soon.
certificate() { # NAME DAYS-BEFORE DAYS-AFTER
  openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -subj "/CN=$1" -days 1 -out "$1.pem" 2>errors ||
    fail "openssl: $(cat errors)"
  faketime_free "$1" "$2" "$3"
  pkcs11-tool --module "$module" --token-label 'mytoken (UserPIN)' --login --pin "$pin" --write-object "$1.der" --type cert \
    --label "$1" >/dev/null 2>&1 || fail "the certificate cannot be written"
}
# openssl ca takes any dates.
faketime_free() {
  local begin end
  begin=$(date -u -d "$2 days" +%Y%m%d%H%M%SZ) end=$(date -u -d "$3 days" +%Y%m%d%H%M%SZ)
  mkdir -p ca && : >ca/index && echo 01 >ca/serial
  openssl req -new -key key.pem -subj "/CN=$1" -out request.pem 2>/dev/null
  openssl ca -batch -selfsign -config <(printf '[ca]\ndefault_ca=x\n[x]\ndatabase=ca/index\nserial=ca/serial\nnew_certs_dir=ca\ndefault_md=sha256\npolicy=p\n[p]\nCN=supplied\n') \
    -keyfile key.pem -in request.pem -startdate "$begin" -enddate "$end" -out "$1.pem" -notext 2>errors || fail "openssl ca: $(cat errors)"
  openssl x509 -in "$1.pem" -outform DER -out "$1.der"
}
certificate old -20 -5
certificate early 10 100
certificate soon -1 7
certificate good -1 100
expect 0 doctor --module "$module"
says '"old", CN=old: valid from'
for id in CFG619 CFG620 CFG621; do says "$id"; done
silent_on '"good"'
printf 'pkcs11.library = %s\npkcs11.certificate = old\npkcs11.token = mytoken (UserPIN)\npkcs11.token_pin = %s\n' "$module" "$pin" >keystore.conf
chmod 600 keystore.conf
expect 1 doctor --keystore-conf keystore.conf
says 'error: A certificate has expired'
sed -i 's/= old/= ogood/' keystore.conf
expect 0 doctor --keystore-conf keystore.conf
says 'Nearest: "good"'

# As another user, which only root can become.
chmod 755 "$work"
chmod -R a+rX tokens softhsm2.conf
if [[ $(id -u) -eq 0 ]] && setpriv --reuid nobody --regid nogroup --clear-groups test -r "$work/softhsm2.conf"; then
  touch who && chmod 666 who
  # That user may not enter the directory of the build.
  cp "$program" p11tape && cp "$front" front.so && chmod 755 p11tape front.so
  program=$work/p11tape front=$work/front.so
  FRONT_WHO=$work/who expect 0 doctor --module "$front" --user nobody
  [[ $(sort -u who) == "$(id -u nobody) " ]] || fail "the module ran as $(cat who), not as nobody"
  says 'User nobody.'
  # The group of a unit is that of its process.
  printf '[Service]\nUser=nobody\nGroup=daemon\nEnvironment=FRONT_MODULE=%s SOFTHSM2_CONF=%s\n' \
    "$module" "$SOFTHSM2_CONF" >group.service
  chgrp daemon front.so && chmod 640 front.so
  expect 0 doctor --module "$front" --unit "$work/group.service"
  says '"mytoken (UserPIN)"'
  sed -i 's/^Group=.*/Group=no-such-group/' group.service
  expect 2 doctor --module "$front" --unit "$work/group.service"
  says 'group no-such-group of unit'
elif [[ $(id -u) -ne 0 ]]; then
  expect 0 doctor --module "$module" --user nobody
  says 'CFG622'
fi
