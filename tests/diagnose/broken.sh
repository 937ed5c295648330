#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Real clients with something broken: the first finding names it. Most clients themselves say no more than "failed".
# shellcheck source=tests/diagnose/lib.sh disable=SC2154
source "$(dirname "$0")/lib.sh"
need pkcs11-tool p11tool openssl keytool ssh-keygen modutil certutil softhsm2-util
make_token
token="pkcs11:token=${token_label// /%20}"
extra=()
cases=0

# broken NAME STATUS ID COMMAND...: records the command, and diagnoses it, with the arguments in $extra.
broken() {
  record "$1" "${@:4}"
  diagnose "$1" "$2" "${extra[@]}"
  expect_first "$1" "$3"
  cases=$((cases + 1))
}

# labelled LABEL ID NAME: a client that looks for a token of that label, which is the token's but for something small.
labelled() {
  extra=(--token-label "$1")
  broken "$3" 1 "$2" driver "$pin" "$1"
  extra=()
}

tool() { run pkcs11-tool --module "$module" "$@"; }
user() { tool --login --pin "$pin" "$@"; }
so() { tool --login --login-type so --so-pin "$@"; }
with_module() { real=$1 "${@:2}"; }
with_conf() { SOFTHSM2_CONF=$1 "${@:2}"; }
driver() { GSKIT_PIN=$1 run "$gskit" "$module" "${@:2}"; }

# ---- The module, its files and its token ----

printf 'directories.tokendir = %s\n' "$work/nowhere" >"$work/nowhere.conf"
mkdir "$work/blank"
printf 'directories.tokendir = %s\n' "$work/blank" >"$work/blank.conf"
printf 'no shared library' >"$work/text.so"
# The class in the ELF header is all that the loader needs to refuse a library of the other word size.
{ printf '\177ELF\001\001\001' && tail -c +8 "$real"; } >"$work/class.so"

broken missing_module 1 P1 with_module /nonexistent/module.so tool --list-slots
broken no_library 1 P1 with_module "$work/text.so" tool --list-slots
broken elf_class 1 P1 with_module "$work/class.so" tool --list-slots
if compiler=$(command -v cc gcc clang | head -n 1) && [[ -n $compiler ]]; then
  printf 'int needed(void) { return 0; }\n' | "$compiler" -shared -fPIC -x c - -o "$work/libneeded.so"
  printf 'int needed(void); int C_GetFunctionList(void) { return needed(); }\n' |
    "$compiler" -shared -fPIC -x c - -o "$work/needing.so" -L"$work" -lneeded
  rm "$work/libneeded.so"
  broken missing_dependency 1 P1 with_module "$work/needing.so" tool --list-slots
fi
broken no_folder 1 P3 with_conf "$work/nowhere.conf" tool --list-slots
broken blank_token 1 P11 with_conf "$work/blank.conf" tool --list-slots
broken wrong_slot 1 P5 tool --slot 77 --login --pin "$pin" --list-objects

# ---- Labels ----

labelled 'Shim Test' P9a label_case
labelled "$token_label " P9b label_blank
labelled "\"$token_label\"" P9c label_quotes
labelled 'test shim' P9g label_order
labelled "${token_label}s" P9 label_other

# ---- PINs ----

gnutls() { GNUTLS_PIN=$1 run p11tool --provider "$module" --batch --login "${@:2}"; }
request() {
  local engine
  engine=$(first_of /usr/lib/*/engines-3/pkcs11.so /usr/lib64/engines-3/pkcs11.so)
  sed -e "s|^MODULE_PATH = .*|MODULE_PATH = $module|" -e "s|^dynamic_path = .*|dynamic_path = $engine|" \
    "$config/openssl-engine.cnf" >"$folder.cnf"
  OPENSSL_CONF=$folder.cnf run openssl req -new -engine pkcs11 -keyform engine -key "$1" -subj /CN=request -out request.pem
}
java() {
  sed -e "s|^library = .*|library = $module|" -e "s|^slotListIndex.*|$1|" "$config/java-sunpkcs11.cfg" >"$folder.cfg"
  PIN=$2 run keytool -J-XX:TieredStopAtLevel=1 -J-Xshare:auto -storetype PKCS11 -keystore NONE -storepass:env PIN \
    -addprovider SunPKCS11 -providerarg "$folder.cfg" "${@:3}"
}
# NSS keeps the token's name, and asks for a key with a PIN from a file.
nss() {
  local database=$folder.nss
  mkdir "$database"
  printf '%s\n' "$1" >"$folder.pin"
  run certutil -N -d "sql:$database" --empty-password
  run modutil -dbdir "sql:$database" -force -add token -libfile "$module"
  run certutil -K -d "sql:$database" -h "$2" -f "$folder.pin"
  rm "$folder.pin"
}

broken wrong_pin 1 P12 tool --login --pin "$wrong_pin" --list-objects
broken so_pin_as_user 1 P12 tool --login --pin "$so_pin" --list-objects
broken wrong_so_pin 1 P12 so "$wrong_pin" --init-pin --new-pin "$pin"
broken gskit_pin 1 P12 driver "$wrong_pin" "$token_label"
broken gnutls_pin 1 P12 gnutls "$wrong_pin" --list-all "$token"
broken openssl_pin 1 P12 request "$token;object=signer;type=private;pin-value=$wrong_pin"
broken java_pin 1 P12 java 'slotListIndex = 0' "$wrong_pin" -list
broken nss_pin 1 P12 nss "$wrong_pin" "$token_label"
broken short_pin 1 P16 so "$so_pin" --init-pin --new-pin 12

# ---- Slots, keys and certificates ----

unpaired() {
  pkcs11-tool --module "$real" --login --pin "$pin" --write-object "$work/certificate.der" --type cert --label unpaired --id 77
  pkcs11-tool --module "$real" --login --pin "$pin" --keypairgen --key-type rsa:2048 --label unpaired --id 78
  driver "$pin" "$token_label" unpaired
}
# OpenSSH asks for no PIN where it only lists, and finds no key that it can use without a public one.
ssh_list() { run ssh-keygen -D "$module"; }

broken java_slot 1 P5 java 'slot = 77' "$pin" -list
broken gnutls_object 1 P21 gnutls "$pin" --test-sign "$token;object=nobody;type=private"
broken gskit_certificate 1 P21 driver "$pin" "$token_label" nobody
broken gskit_pair 1 P22 unpaired
broken ssh_no_module 1 P1 with_module /nonexistent/module.so ssh_list

# ---- Operations ----

broken no_mechanism 1 P50 user --sign --mechanism RIPEMD160-RSA-PKCS --id 01 --input-file "$work/key" --output-file out

# What a program may do wrong. Its lines come behind the login with a session for writing.
python() {
  cat >"$folder.py" <<END
import sys
from PyKCS11 import *
from PyKCS11.LowLevel import *
lib = PyKCS11Lib()
lib.load(sys.argv[1])
slot = lib.getSlotList(tokenPresent=True)[0]
lib.getTokenInfo(slot)
s = lib.openSession(slot, $1)
s.login(sys.argv[2])
k = s.findObjects([(CKA_CLASS, CKO_PRIVATE_KEY), (CKA_LABEL, "signer")])[0]
$2
END
  run /usr/bin/python3 "$folder.py" "$module" "$pin"
}
write='CKF_SERIAL_SESSION | CKF_RW_SESSION'
broken python_closed 1 P37 python "$write" 'lib.closeAllSessions(slot); s.findObjects()'
broken python_logged_out 1 P37 python "$write" 's.logout(); s.generateKeyPair([(CKA_MODULUS_BITS, 1024), (CKA_PUBLIC_EXPONENT, (1, 0, 1))], [(CKA_TOKEN, True), (CKA_PRIVATE, True)])'
broken python_read_only 1 P40 python CKF_SERIAL_SESSION 's.createObject([(CKA_CLASS, CKO_DATA), (CKA_TOKEN, True), (CKA_LABEL, "x")])'
broken python_template 1 P29 python "$write" 's.createObject([(CKA_CLASS, CKO_SECRET_KEY)])'
broken python_destroyed 1 P27 python "$write" 'o = s.createObject([(CKA_CLASS, CKO_DATA), (CKA_LABEL, "x")]); s.destroyObject(o); s.getAttributeValue(o, [CKA_LABEL])'
broken python_long 1 P54 python "$write" 's.getAttributeValue(k, [CKA_MODULUS]); s.sign(k, b"x" * 300, Mechanism(CKM_RSA_PKCS, None))'
broken python_mechanism 1 P50 python "$write" 'lib.getMechanismList(slot); s.getAttributeValue(k, [CKA_KEY_TYPE]); s.sign(k, b"x", Mechanism(CKM_RIPEMD160_RSA_PKCS, None))'
expect_text python_mechanism 8 CKM_SHA256_RSA_PKCS
broken python_usage 1 P52 python "$write" 'a, b = s.generateKeyPair([(CKA_MODULUS_BITS, 1024), (CKA_PUBLIC_EXPONENT, (1, 0, 1))], [(CKA_SIGN, False), (CKA_LABEL, "no signer")]); s.sign(b, b"x", Mechanism(CKM_RSA_PKCS, None))'

[[ $cases -ge 20 ]] || fail "only $cases set-ups were tried"
