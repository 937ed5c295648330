# SPDX-License-Identifier: Apache-2.0
# A throw-away SoftHSM token, for tests of any folder. Whoever sources this has `fail` and sets $work, $pin, $so_pin and
# $token_label.
# shellcheck shell=bash
# shellcheck disable=SC2154 # they do

# first_of FILE...: the first that exists; distributions put modules in different folders.
first_of() {
  local file
  for file in "$@"; do
    [[ -e $file ]] && realpath "$file" && return
  done
  fail "none of these exists, see tools/install-packages: $*"
}

need() {
  local name
  for name in "$@"; do
    command -v "$name" >/dev/null || fail "$name is not installed, see tools/install-packages"
  done
}

# make_token: $work/token, with an RSA key and its certificate under the label "signer" and the id 01.
make_token() {
  need softhsm2-util openssl pkcs11-tool
  real=$(first_of /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so)
  use_token "$work/token"
  {
    softhsm2-util --init-token --free --label "$token_label" --pin "$pin" --so-pin "$so_pin"
    openssl req -x509 -newkey rsa:2048 -noenc -subj /CN=signer -addext subjectAltName=DNS:localhost -days 3650 -keyout "$work/key" -out "$work/certificate"
    softhsm2-util --import "$work/key" --token "$token_label" --pin "$pin" --label signer --id 01
    openssl x509 -in "$work/certificate" -outform DER -out "$work/certificate.der"
    pkcs11-tool --module "$real" --login --pin "$pin" --write-object "$work/certificate.der" --type cert --label signer --id 01
  } >"$work/make_token.log" 2>&1 || fail "could not make a token: $(cat "$work/make_token.log")"
}

# use_token FOLDER: SoftHSM keeps its tokens there from now on.
use_token() {
  mkdir -p "$1"
  printf 'directories.tokendir = %s\nlog.level = ERROR\n' "$1" >"$1.conf"
  export SOFTHSM2_CONF=$1.conf
}
