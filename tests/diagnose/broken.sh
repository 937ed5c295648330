#!/usr/bin/env bash
# Real clients with something broken: the first finding names it.
# shellcheck source=tests/diagnose/lib.sh disable=SC2154
source "$(dirname "$0")/lib.sh"
need pkcs11-tool p11tool openssl keytool
make_token
token="pkcs11:token=${token_label// /%20}"

# broken NAME STATUS ID COMMAND...: records the command, and diagnoses it.
broken() {
  record "$1" "${@:4}"
  diagnose "$1" "$2" "${extra[@]}"
  expect_first "$1" "$3"
}
extra=()

tool() { run pkcs11-tool --module "$module" "$@"; }
user() { tool --login --pin "$pin" "$@"; }
with_module() { real=$1 "${@:2}"; }
with_conf() { SOFTHSM2_CONF=$1 "${@:2}"; }

printf 'directories.tokendir = %s\n' "$work/nowhere" >"$work/nowhere.conf"
mkdir "$work/blank"
printf 'directories.tokendir = %s\n' "$work/blank" >"$work/blank.conf"

# pkcs11-tool
broken missing_module 1 P1 with_module /nonexistent/module.so tool --list-slots
broken no_folder 1 P3 with_conf "$work/nowhere.conf" tool --list-slots
broken blank_token 1 P11 with_conf "$work/blank.conf" tool --list-slots
broken wrong_slot 1 P5 tool --slot 77 --login --pin "$pin" --list-objects
broken wrong_pin 1 P12 tool --login --pin "$wrong_pin" --list-objects
broken wrong_so_pin 1 P12 tool --login --login-type so --so-pin "$wrong_pin" --init-pin --new-pin "$pin"
broken short_pin 1 P16 tool --login --login-type so --so-pin "$so_pin" --init-pin --new-pin 12
broken no_mechanism 1 P50 user --sign --mechanism RIPEMD160-RSA-PKCS --id 01 --input-file "$work/key" --output-file out
head -c 300 /dev/zero >"$work/long"
broken long_data 1 P54 user --sign --mechanism RSA-PKCS --id 01 --input-file "$work/long" --output-file out
user_of_decrypting_key() {
  user --keypairgen --key-type rsa:2048 --label decrypts --id 05 --usage-decrypt
  user --sign --mechanism SHA256-RSA-PKCS --id 05 --input-file "$work/key" --output-file out
}
broken key_use 1 P52 user_of_decrypting_key
extra=(--token-label 'Shim Test')
broken label_case 0 P9a tool --login --pin "$pin" --list-objects
extra=()

# GnuTLS
gnutls() { GNUTLS_PIN=$1 run p11tool --provider "$module" --batch --login "${@:2}"; }
broken gnutls_pin 1 P12 gnutls "$wrong_pin" --list-all "$token"
broken gnutls_object 1 P21 gnutls "$pin" --test-sign "$token;object=nobody;type=private"

# OpenSSL
request() {
  local engine
  engine=$(first_of /usr/lib/*/engines-3/pkcs11.so /usr/lib64/engines-3/pkcs11.so)
  sed -e "s|^MODULE_PATH = .*|MODULE_PATH = $module|" -e "s|^dynamic_path = .*|dynamic_path = $engine|" \
    "$config/openssl-engine.cnf" >"$folder.cnf"
  OPENSSL_CONF=$folder.cnf run openssl req -new -engine pkcs11 -keyform engine -key "$1" -subj /CN=request -out request.pem
}
broken openssl_pin 1 P12 request "$token;object=signer;type=private;pin-value=$wrong_pin"

# Java
java() {
  sed -e "s|^library = .*|library = $module|" "$config/java-sunpkcs11.cfg" >"$folder.cfg"
  [[ -z $1 ]] || printf '%s\n' "$1" >>"$folder.cfg"
  PIN=$2 run keytool -J-XX:TieredStopAtLevel=1 -J-Xshare:auto -storetype PKCS11 -keystore NONE -storepass:env PIN \
    -addprovider SunPKCS11 -providerarg "$folder.cfg" "${@:3}"
}
broken java_pin 1 P12 java '' "$wrong_pin" -list
broken java_slot 1 P5 java 'slot = 77' "$pin" -list

# Python: what a program may do wrong.
python() {
  run /usr/bin/python3 - "$module" "$pin" <<E2
import sys
from PyKCS11 import *
from PyKCS11.LowLevel import *
lib = PyKCS11Lib()
lib.load(sys.argv[1])
slot = lib.getSlotList(tokenPresent=True)[0]
lib.getTokenInfo(slot)
$1
E2
}
broken python_closed 1 P37 python 's = lib.openSession(slot); lib.closeAllSessions(slot); s.login(sys.argv[2])'
broken python_read_only 1 P40 python 's = lib.openSession(slot); s.login(sys.argv[2]); s.createObject([(CKA_CLASS, CKO_DATA), (CKA_TOKEN, True), (CKA_LABEL, "x")])'
broken python_template 1 P29 python 's = lib.openSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION); s.login(sys.argv[2]); s.createObject([(CKA_CLASS, CKO_SECRET_KEY)])'
broken python_stale 1 P27 python 's = lib.openSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION); s.login(sys.argv[2]); k = s.findObjects([(CKA_CLASS, CKO_PRIVATE_KEY)])[0]; s.logout(); s.login(sys.argv[2]); s.sign(k, b"x")'

# GSKit's order of calls
driver() { GSKIT_PIN=$1 run "$gskit" "$module" "${@:2}"; }
extra=(--token-label "${token_label}s")
broken gskit_label 1 P9 driver "$pin" "${token_label}s"
extra=()
broken gskit_pin 1 P12 driver "$wrong_pin" "$token_label"
broken gskit_certificate 1 P21 driver "$pin" "$token_label" nobody
unpaired() {
  pkcs11-tool --module "$real" --login --pin "$pin" --write-object "$work/certificate.der" --type cert --label unpaired --id 77
  pkcs11-tool --module "$real" --login --pin "$pin" --keypairgen --key-type rsa:2048 --label unpaired --id 78
  driver "$pin" "$token_label" unpaired
}
broken gskit_pair 1 P22 unpaired
