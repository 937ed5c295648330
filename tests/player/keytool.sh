#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Java's keytool through SunPKCS11: the same entries from the tape as from the token.
# shellcheck source=tests/player/lib.sh
source "$(dirname "$0")/lib.sh"
command -v keytool >/dev/null || skip "keytool is not installed: default-jdk-headless has it"

list() {
  sed "s|^library = .*|library = $module|" "$config/java-sunpkcs11.cfg" >java.cfg
  PIN=$pin keytool -J-XX:TieredStopAtLevel=1 -J-Xshare:auto -storetype PKCS11 -keystore NONE -storepass:env PIN \
    -addprovider SunPKCS11 -providerarg "$PWD/java.cfg" -list -v
}

make_token
record list default list
play list list list
expect_same list 0
expect_silence list
grep -q 'PrivateKeyEntry' "$work/list.played/stdout" || fail "no entry: $(cat "$work/list.played/stdout")"
