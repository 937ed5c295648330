#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each line to configure that diagnose, doctor, swap and restore print is put where it belongs, on a machine with two
# tokens. As it is printed, doctor refuses to log in with it; with the PIN in place of <password>, doctor logs in, and so
# does a client that makes the calls of the GSKit of MQ.
# shellcheck source=tests/diagnose/lib.sh disable=SC2154,SC2030,SC2031
source "$(dirname "$0")/lib.sh"
real=$(first_of /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so)
mkdir "$work/lib"
objcopy --strip-debug "$shim" "$work/lib/p11tape.so" 2>/dev/null || cp "$shim" "$work/lib/p11tape.so"

# put_setting LINE: into the place that it is for.
put_setting() {
  case $1 in
    SSLCryptoHardware=*) printf 'SSL:\n   SSLKeyRepository=/k\n   %s\n' "$1" >mqclient.ini && chmod 600 mqclient.ini ;;
    pkcs11.token*) LINE=$1 /usr/bin/python3 -c 'import os
lines = open("keystore.conf").read().splitlines()
open("keystore.conf", "w").write("".join((os.environ["LINE"] if l.startswith("pkcs11.token =") else l) + "\n" for l in lines))' ;;
    GSK_PKCS11=*) printf %s "$1" >string && chmod 600 string ;;
    *) fail "$name: no place for the line \"$1\"" ;;
  esac
}

# works CLIENT WHAT LINE: what was printed is refused until the PIN is in it, and then does what it is for.
works() {
  local kind=$1 what="$name, $2" line=$3 status=0 arguments client filled
  case $kind in
    mq_ini) arguments=(--mq-ini mqclient.ini) client=("$gskit" --mq-ini mqclient.ini) ;;
    string) arguments=(--sslcryp file:string) client=("$gskit" --sslcryp) ;;
  esac
  [[ -n $line ]] || fail "$what: no line to configure is printed"
  grep -qF -e "=$real" <<<"$line" || fail "$what: not the real module: $line"
  grep -qF '<password>' <<<"$line" || fail "$what: no place for the PIN: $line"
  put_setting "$line"
  "$program" doctor "${arguments[@]}" --pin configured >said || status=$?
  [[ $status -ne 2 ]] || fail "$what: doctor cannot read what was printed: $(cat said)"
  grep -q 'The configured PIN cannot be tried' said || fail "$what: doctor does not refuse <password> as a PIN: $(cat said)"
  ! grep -q 'The login' said || fail "$what: doctor tried to log in with <password>: $(cat said)"
  put_setting "${line/<password>/$pin}"
  status=0
  "$program" doctor "${arguments[@]}" --pin configured >said || status=$?
  [[ $status -eq 0 ]] || fail "$what: doctor ended with $status with the PIN filled in: $(cat said)"
  grep -q 'The login succeeded' said || fail "$what: doctor did not log in: $(cat said)"
  filled=$(cat string 2>/dev/null || true)
  MQSSLCRYP=$filled "${client[@]}" >said || fail "$what: the client still fails: $(cat said)"
  count=$((count + 1))
}

# setting_of COMMAND ARGUMENT...: the line to configure in the JSON of diagnose or doctor.
setting_of() {
  "$program" "$@" --json >json || true
  /usr/bin/python3 -c '
import json
d = json.load(open("json"))
found = [f["label"]["setting"] for f in d.get("findings", []) if "label" in f]
found += [f["setting"] for e in d.get("examined", []) for f in e["findings"] if "setting" in f]
print(found[0] if found else "")'
}

# printed COMMAND ARGUMENT...: the same line in the text, where it has a line of its own, however narrow the terminal.
printed() {
  local line
  line=$(setting_of "$@")
  "$program" "$@" >said || true
  sed 's/^ *\(that is: \)\?//' said | grep -qxF -e "$line" || fail "$name: the line \"$line\" is not in the text as it is: $(cat said)"
  printf %s "$line"
}

# two_tokens LABEL: in a directory of the case's own, one of that label with our PIN, and another one.
two_tokens() {
  mkdir "$work/$name"
  cd "$work/$name"
  mkdir token
  use_token "$PWD/token"
  softhsm2-util --init-token --free --label 'other card' --pin 'pin-of-the-other' --so-pin "$so_pin" >/dev/null
  softhsm2-util --init-token --free --label "$1" --pin "$pin" --so-pin "$so_pin" >/dev/null
}

# a_case NAME TOKEN-LABEL CONFIGURED-LABEL: the same wrong label in each kind of configuration.
a_case() {
  local string path
  name=$1
  two_tokens "$2"
  string="GSK_PKCS11=$real;$3;$pin;SYMMETRIC_CIPHER_OFF;"
  way=through tapes=$PWD/tapes
  GSKIT_PIN=$pin run "$gskit" "$shim" "$3" >said 2>&1
  works string diagnose "$(printed diagnose --sslcryp "$string" tapes)"
  works string doctor "$(printed doctor --sslcryp "$string")"
  # As DISPLAY QMGR shows it: the PIN is not in it.
  printf '   SSLCRYP(%s)\n' "${string/$pin/xxxxxx}" >display
  works string 'diagnose of a display' "$(printed diagnose --sslcryp file:display tapes)"
  put_setting "SSLCryptoHardware=$(sed 's/[;#\\]/\\&/g' <<<"$string")"
  works mq_ini diagnose "$(printed diagnose --mq-ini mqclient.ini tapes)"
  put_setting "SSLCryptoHardware=$(sed 's/[;#\\]/\\&/g' <<<"$string")"
  works mq_ini doctor "$(printed doctor --mq-ini mqclient.ini)"
  printf 'pkcs11.library = %s\npkcs11.certificate = none\npkcs11.token = %s\npkcs11.token_pin = %s\n' "$real" "$3" "$pin" >keystore.conf
  chmod 600 keystore.conf
  # Its certificate is not there: the client ends behind the login, which is all that the label is for.
  [[ $(setting_of diagnose --keystore-conf keystore.conf tapes) == "pkcs11.token = $2" ]] || fail "$name: not the line of keystore.conf: $(cat json)"
  [[ $(setting_of doctor --keystore-conf keystore.conf) == "pkcs11.token = $2" ]] || fail "$name: not the line of keystore.conf: $(cat json)"
  put_setting "pkcs11.token = $2"
  "$program" doctor --keystore-conf keystore.conf --pin configured >said || true
  grep -q 'The login succeeded' said || fail "$name: no login with the label of keystore.conf: $(cat said)"
  # With the recorder in place, what is to be configured is the real module all the same.
  put_setting "SSLCryptoHardware=$(sed 's/[;#\\]/\\&/g' <<<"$string")"
  "$program" swap --mq-ini mqclient.ini --shim "$work/lib/p11tape.so" --into "$PWD/c" --dir "$PWD/recorded" >said || fail "$name: swap: $(cat said)"
  "$gskit" --mq-ini mqclient.ini >said 2>&1 || true
  cp mqclient.ini swapped.ini
  works mq_ini 'doctor with the recorder in place' "$(printed doctor --mq-ini swapped.ini)"
  cp swapped.ini mqclient.ini
  works mq_ini 'diagnose with the recorder in place' "$(printed diagnose --mq-ini mqclient.ini recorded)"
  "$program" restore --mq-ini mqclient.ini >said || fail "$name: restore after the setting was replaced: $(cat said)"
}

# commands_of NAME TOKEN-LABEL: swap and restore print a command for runmqsc and one for a shell.
commands_of() {
  local way line
  name=$1
  two_tokens "$2"
  string="GSK_PKCS11=$real;$2;$pin;SYMMETRIC_CIPHER_OFF;"
  "$program" swap --sslcryp "$string" --shim "$work/lib/p11tape.so" --into "$PWD/c" --dir "$PWD/tapes" >swap.said || fail "$name: swap: $(cat swap.said)"
  "$program" restore --sslcryp "GSK_PKCS11=$PWD/c/p11mq.so;$2;$pin;SYMMETRIC_CIPHER_OFF;" >restore.said || fail "$name: restore: $(cat restore.said)"
  for way in swap restore; do
    ! grep -qF -e "$pin" "$way.said" || fail "$name: $way shows the PIN"
    sed -n 's/^ *\(ALTER QMGR .*\)$/\1/p' "$way.said" >mqsc
    sed -n 's/^ *\(export MQSSLCRYP=.*\)$/\1/p' "$way.said" >shell
    [[ $(wc -l <mqsc) -eq 1 && $(wc -l <shell) -eq 1 ]] || fail "$name: $way prints no commands, or several: $(cat "$way.said")"
    # What MQSC takes out of the quotes, and what a shell does.
    sed "s/^ALTER QMGR SSLCRYP('\(.*\)')\$/\1/; s/''/'/g" mqsc >string.mqsc
    bash -n shell || fail "$name: $way: no command of a shell: $(cat shell)"
    (unset MQSSLCRYP && source ./shell && printf '%s\n' "$MQSSLCRYP") >string.shell
    cmp string.mqsc string.shell || fail "$name: $way: the two commands differ"
    line=$(cat string.mqsc)
    put_setting "$line"
    "$program" doctor --sslcryp file:string --pin configured >said || true
    grep -q 'The configured PIN cannot be tried' said || fail "$name, $way: doctor does not refuse <password>: $(cat said)"
    put_setting "${line/<password>/$pin}"
    "$program" doctor --sslcryp file:string --pin configured >said || fail "$name, $way: doctor: $(cat said)"
    grep -q 'The login succeeded' said || fail "$name, $way: no login: $(cat said)"
    MQSSLCRYP=$(cat string) "$gskit" --sslcryp >said || fail "$name, $way: the client fails: $(cat said)"
    count=$((count + 1))
    # After the swap the client is recorded, after the restore it is not.
    [[ $(find tapes -name '*.p11tape' | wc -l) -eq 1 ]] || fail "$name: after $way there are these tapes: $(ls tapes)"
  done
}

count=0
a_case words "mytoken (UserPIN)" 'UserPIN (mytoken)'
a_case signs 'to#ken\1 für' 'To#ken\1 für'
commands_of quotes "bob's \"card\" \$HOME \`id\`"
[[ $count -eq 16 ]] || fail "only $count lines were tried"
