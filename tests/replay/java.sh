#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Java signs a JAR with a key of the token; its tape on another token.
# shellcheck source=tests/replay/lib.sh
source "$(dirname "$0")/lib.sh"
for tool in jarsigner jar keytool; do
  command -v "$tool" >/dev/null || { echo "$tool is not installed (default-jdk-headless)"; exit 77; }
done

make_token
export P11TAPE_PROFILE=payload
sed "s|^library = .*|library = $shim|" "$config/java-sunpkcs11.cfg" >"$work/java.cfg"
echo 'hello' >"$work/hello"
(cd "$work" && jar cf hello.jar hello)
record sign jarsigner -J-XX:TieredStopAtLevel=1 -keystore NONE -storetype PKCS11 -storepass:env PIN -addprovider SunPKCS11 \
  -providerArg "$work/java.cfg" "$work/hello.jar" signer
grep -q 'jar signed' "$work/sign.out" || fail "jarsigner: $(cat "$work/sign.out")"

another_token "$work/other" 'other label'
replay same 0 --pin user=env:PIN
expect same 'SAME'
expect same 'C_Sign'

another_token "$work/empty" 'other label' empty
replay no_key 1 --pin user=env:PIN
expect no_key 'C_FindObjects'
expect no_key 'not found'
