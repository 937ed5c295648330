#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Real clients at their ordinary work: nothing that a diagnosis calls an error.
# shellcheck source=tests/diagnose/lib.sh disable=SC2154
source "$(dirname "$0")/lib.sh"
need pkcs11-tool p11tool openssl keytool
make_token
token="pkcs11:token=${token_label// /%20}"

tool() { run pkcs11-tool --module "$module" "$@"; }
pkcs11_tool_look() { tool --show-info && tool --list-slots && tool --list-mechanisms; }
pkcs11_tool_keys() {
  printf 'to be signed' >data
  tool --login --pin "$pin" --list-objects
  tool --login --pin "$pin" --keypairgen --key-type rsa:2048 --label fresh --id 02
  tool --login --pin "$pin" --sign --mechanism SHA256-RSA-PKCS --id 01 --input-file data --output-file signature
  tool --login --pin "$pin" --delete-object --type privkey --id 02
}
p11tool_list() {
  run p11tool --provider "$module" --batch --list-tokens
  GNUTLS_PIN=$pin run p11tool --provider "$module" --batch --login --list-all "$token"
}
p11tool_sign() { GNUTLS_PIN=$pin run p11tool --provider "$module" --batch --login --test-sign "$token;object=signer;type=private"; }

openssl_request() {
  local engine
  engine=$(first_of /usr/lib/*/engines-3/pkcs11.so /usr/lib64/engines-3/pkcs11.so)
  sed -e "s|^MODULE_PATH = .*|MODULE_PATH = $module|" -e "s|^dynamic_path = .*|dynamic_path = $engine|" \
    "$config/openssl-engine.cnf" >"$folder.cnf"
  OPENSSL_CONF=$folder.cnf run openssl req -new -engine pkcs11 -keyform engine \
    -key "$token;object=signer;type=private;pin-value=$pin" -subj /CN=request -out request.pem
}

java() {
  sed "s|^library = .*|library = $module|" "$config/java-sunpkcs11.cfg" >"$folder.cfg"
  PIN=$pin run keytool -J-XX:TieredStopAtLevel=1 -J-Xshare:auto -storetype PKCS11 -keystore NONE -storepass:env PIN \
    -addprovider SunPKCS11 -providerarg "$folder.cfg" "$@"
}
java_list() { java -list -v && java -certreq -alias signer -file request.pem; }
java_make() { java -genkeypair -alias fresh -keyalg RSA -keysize 2048 -dname CN=fresh && java -delete -alias fresh; }

python() { run /usr/bin/python3 "$here/pykcs11.py" "$module" "$token_label" "$pin" "$wrong_pin"; }

for client in pkcs11_tool_look pkcs11_tool_keys p11tool_list p11tool_sign openssl_request java_list java_make python; do
  record "$client" "$client"
  grep -q 'exit status 0' "$work/$client.said" || fail "$client itself failed: $(cat "$work/$client.said")"
  diagnose "$client" 0
  diagnose "$client" 0 --token-label "$token_label"
done
