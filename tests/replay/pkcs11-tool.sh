#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# pkcs11-tool on SoftHSM, replayed on other tokens: with the same content, without the key, with wrong PINs.
# shellcheck source=tests/replay/lib.sh
source "$(dirname "$0")/lib.sh"

make_token
export P11TAPE_PROFILE=payload
record self_test pkcs11-tool --module "$shim" --login --pin "$pin" --test
self_test=$tape

# The recording of the replay is that of the client, but for the replay's own look-ups, which `diff` leaves out, and one
# check of a raw RSA signature: such a "signature" may be decrypted data, so that no tape has it.
P11TAPE_MODULE=$real P11TAPE_DIR=$work/again "${instrumented[@]}" "$program" replay --module "$shim" --pin user=env:PIN "$self_test" \
  >"$work/again.report" || fail "the replay to be recorded: $(cat "$work/again.report")"
again=$(compgen -G "$work/again/*.p11tape") || fail 'the replay left no tape'
"$program" diff "$self_test" "$again" >"$work/difference" && fail "the raw signature was recorded"
grep -q 'First difference: A calls C_VerifyInit, C_Verify: 2 calls' "$work/difference" ||
  fail "the recording of the replay differs: $(cat "$work/difference")"
grep -q 'C_Verify, call [0-9]*: it needs bytes that are not on the tape: pSignature' "$work/again.report" ||
  fail "the replay skips other calls: $(cat "$work/again.report")"

P11TAPE_PROFILE=default record default pkcs11-tool --module "$shim" --login --pin "$pin" --test
default=$tape
record wrong_pin pkcs11-tool --module "$shim" --login --pin "$wrong_pin" --list-objects
wrong=$tape
printf 'to be signed' >"$work/data"
record sign pkcs11-tool --module "$shim" --login --pin "$pin" --sign --mechanism SHA256-RSA-PKCS --id 01 \
  --input-file "$work/data" --output-file "$work/signature"
sign=$tape
record write pkcs11-tool --module "$shim" --login --pin "$pin" --keypairgen --key-type rsa:2048 --label fresh --id 02
write=$tape

another_token "$work/other" 'other label'
tape=$self_test
replay same 0 --pin user=env:PIN
expect same 'SAME'
expect same "\"$token_label\" of the tape is \"other label\", serial"
expect same 'C_Sign'
replay one_thread 0 --threads one --timing 0.1 --pin user=env:PIN
replay named 0 --token "$token_label=other label" --pin env:PIN

tape=$sign
replay sign 0 --pin user=env:PIN
expect sign 'SAME'

# The PIN: none, and one that is wrong.
replay no_pin 2
expect no_pin 'STOPPED  before call'
expect no_pin "C_Login: it needs the user PIN"
replay refused 1 --continue --pin user=env:WRONG
expect refused 'return value: CKR_OK on the tape, CKR_PIN_INCORRECT now'
expect refused 'not reached'
"$program" replay --pin user=secret --module "$real" "$tape" >"$work/literal" 2>&1 && fail 'a PIN was taken from the command line'
! grep -qw secret "$work/literal" || fail 'the PIN is repeated'

# A tape with a failed login.
tape=$wrong
replay careful 0
expect careful 'C_Login, call'
expect careful 'allow with --allow-failed-logins'
replay careless 0 --allow-failed-logins
expect careless 'SAME'
expect_not careless 'C_Login, call'

# The default profile has no payload: it is made up for signing, and decryption is left out.
tape=$default
replay default 0 --pin user=env:PIN
expect default 'Payload that is not on the tape was generated'
expect default 'C_Decrypt, call'
expect default 'it needs bytes that are not on the tape'
"$program" replay --dry-run "$tape" >"$work/dry" || fail 'a dry run failed'
grep -q "C_Login .*made, with the user PIN" "$work/dry" || fail "the dry run: $(cat "$work/dry")"

# Calls that change the token.
tape=$write
count() { pkcs11-tool --module "$real" --login --pin "$pin" --list-objects 2>/dev/null | grep -c 'label: *fresh' || true; }
replay no_writes 0 --pin user=env:PIN
expect no_writes 'it changes a token'
[[ $(count) == 0 ]] || fail 'the replay has written to the token'
replay writes 0 --allow-writes --pin user=env:PIN
expect_not writes 'it changes a token'
[[ $(count) == 2 ]] || fail "the replay has not made the key pair: $(cat "$work/writes.report")"

# A load test, and JSON.
tape=$sign
replay load 0 --repeat 3 --pin user=env:PIN
expect load '3 replays in 1 process'
"$program" replay --json --module "$real" --pin user=env:PIN "$tape" >"$work/json" || fail 'no JSON'
/usr/bin/python3 -c 'import json, sys; r = json.load(sys.stdin); assert r["verdict"] == "same" and r["made"] > 9, r' <"$work/json"

# A token without the key.
another_token "$work/empty" 'other label' empty
replay no_key 1 --pin user=env:PIN
expect no_key 'DIVERGED  at call'
expect no_key 'C_FindObjects'
expect no_key 'not found: private'
expect no_key 'id 01'
