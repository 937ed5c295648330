#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Java's keytool through SunPKCS11, set up by the snippet of config/.
# shellcheck source=tests/clients/lib.sh
source "$(dirname "$0")/lib.sh"
need keytool

# PINs reach keytool by its environment, as they would in a careful installation.
tool() {
  sed "s|^library = .*|library = $module|" "$config/java-sunpkcs11.cfg" >"$folder.cfg"
  grep -qF "$module" "$folder.cfg" || fail "config/java-sunpkcs11.cfg names no module"
  PIN=$pin run keytool -J-XX:TieredStopAtLevel=1 -J-Xshare:auto -storetype PKCS11 -keystore NONE -storepass:env PIN \
    -addprovider SunPKCS11 -providerarg "$folder.cfg" "$@"
}

list_and_request() {
  tool -list -v
  tool -certreq -alias signer -file request.pem
}

make_and_delete() {
  tool -genkeypair -alias fresh -keyalg RSA -keysize 2048 -dname CN=fresh
  tool -delete -alias fresh
}

make_token
compare list_and_request
expect_status list_and_request 0 0
expect_call list_and_request C_Login CKR_OK 2
expect_call list_and_request C_SignInit CKR_OK

compare make_and_delete
expect_status make_and_delete 0 0
# The key is made by Java and imported: the provider comes last in the order of preference.
expect_call make_and_delete C_CreateObject CKR_OK 2
expect_call make_and_delete C_DestroyObject CKR_OK
