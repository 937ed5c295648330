# SPDX-License-Identifier: Apache-2.0
# Real clients on a throw-away token, each with the module that it is given. For by_file.sh and run.sh, behind lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # lib.sh sets what is used here, token.sh uses what is set

pin='pin-eeX3u-aeph8'
so_pin='so-pin-87654321'
token_label=test
# shellcheck source=tests/clients/token.sh
source "$here/../clients/token.sh"

clients=(pkcs11_tool p11tool openssl_engine ssh_keygen keytool_list)

# Each takes the module's path, and what to put in front of the command.
pkcs11_tool() { "${@:2}" pkcs11-tool --module "$1" --login --pin "$pin" --list-objects; }
p11tool() { GNUTLS_PIN=$pin "${@:2}" p11tool --provider "$1" --batch --login --list-all "pkcs11:token=test"; }
ssh_keygen() { "${@:2}" ssh-keygen -D "$1"; }
openssl_engine() {
  local engine
  engine=$(first_of /usr/lib/*/engines-3/pkcs11.so /usr/lib64/engines-3/pkcs11.so)
  sed -e "s|^MODULE_PATH = .*|MODULE_PATH = $1|" -e "s|^dynamic_path = .*|dynamic_path = $engine|" \
    "$here/../../config/openssl-engine.cnf" >"$work/openssl.cnf"
  OPENSSL_CONF=$work/openssl.cnf "${@:2}" openssl req -new -engine pkcs11 -keyform engine \
    -key "pkcs11:token=test;object=signer;type=private;pin-value=$pin" -subj /CN=request
}
keytool_list() {
  sed "s|^library = .*|library = $1|" "$here/../../config/java-sunpkcs11.cfg" >"$work/java.cfg"
  PIN=$pin "${@:2}" keytool -J-XX:TieredStopAtLevel=1 -storetype PKCS11 -keystore NONE -storepass:env PIN -addprovider SunPKCS11 \
    -providerarg "$work/java.cfg" -list
}

# expect_success CLIENT OUTPUT: the output has what the client only says when it has worked.
expect_success() {
  case $1 in
    pkcs11_tool | p11tool) expect_text signer "$2" ;;
    ssh_keygen) expect_text 'ssh-rsa ' "$2" ;;
    openssl_engine) expect_text 'BEGIN CERTIFICATE REQUEST' "$2" ;;
    keytool_list) expect_text 'signer, PrivateKeyEntry' "$2" ;;
  esac
}
