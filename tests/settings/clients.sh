# Real clients on a throw-away token, each with the module that it is given. For by_file.sh and run.sh, behind lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh sets what is used here

pin='pin-eeX3u-aeph8'

# first_of FILE...: the first that exists.
first_of() {
  local file
  for file in "$@"; do
    [[ -e $file ]] && realpath "$file" && return
  done
  fail "none of these exists, see tools/install-packages: $*"
}

# make_token: SoftHSM with an RSA key and its certificate. $real is the module.
make_token() {
  real=$(first_of /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so)
  mkdir "$work/token"
  printf 'directories.tokendir = %s\nlog.level = ERROR\n' "$work/token" >"$work/softhsm2.conf"
  export SOFTHSM2_CONF=$work/softhsm2.conf
  {
    softhsm2-util --init-token --free --label test --pin "$pin" --so-pin so-pin-87654321
    openssl req -x509 -newkey rsa:2048 -noenc -subj /CN=signer -days 3650 -keyout "$work/key" -out "$work/certificate"
    softhsm2-util --import "$work/key" --token test --pin "$pin" --label signer --id 01
    openssl x509 -in "$work/certificate" -outform DER -out "$work/certificate.der"
    pkcs11-tool --module "$real" --login --pin "$pin" --write-object "$work/certificate.der" --type cert --label signer --id 01
  } >"$work/make_token.log" 2>&1 || fail "could not make a token: $(cat "$work/make_token.log")"
}

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
