#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenSC's pkcs11-tool on tapes of its own.
# shellcheck source=tests/player/lib.sh
source "$(dirname "$0")/lib.sh"

tool() { pkcs11-tool --module "$module" "$@"; }
look_around() { tool --show-info --list-slots --list-mechanisms; }
wrong_pin() { tool --login --pin "$wrong_pin" --list-objects; }
list_objects() { tool --login --pin "$pin" --list-objects; }
one_certificate() { tool --login --pin "$pin" --list-objects --type cert; }
read_certificate() { tool --read-object --type cert --label signer --output-file certificate && cat certificate; }
sign() { tool --login --pin "$pin" --sign --mechanism SHA256-RSA-PKCS --id 01 --input-file "$work/data"; }
digest() { tool --login --pin "$pin" --hash --mechanism SHA256 --input-file "$work/data"; }
longer_pin() { tool --login --pin "${wrong_pin}longer" --list-objects; }

make_token
printf 'to be signed' >"$work/data"

for scenario in look_around wrong_pin list_objects read_certificate; do
  record "$scenario" default "$scenario"
  play "$scenario" "$scenario" "$scenario"
  expect_silence "$scenario"
done
record sign payload sign
play sign sign sign
expect_silence sign
for scenario in look_around list_objects read_certificate sign; do expect_same "$scenario" 0; done
expect_same wrong_pin 1
grep -qF CKR_PIN_INCORRECT "$work/wrong_pin.played/stderr" || fail "wrong_pin: $(cat "$work/wrong_pin.played/stderr")"
cmp -s "$work/certificate.der" "$work/read_certificate.played/certificate" || fail "another certificate came back"
[[ $(stat -c %s "$work/sign.played/stdout.raw") -eq 256 ]] || fail "the signature has another length"

# Only a part of what was listed: answered from the wider search, since the tape tells the class of each object.
play list_objects one_certificate one_certificate
expect_silence one_certificate
[[ $(cat "$work/one_certificate.played/status") -eq 0 ]] || fail "one_certificate: $(cat "$work/one_certificate.played/stderr")"
grep -q '^Certificate Object' "$work/one_certificate.played/stdout" || fail "the certificate is missing"
! grep -q 'Key Object' "$work/one_certificate.played/stdout" || fail "there are keys among the certificates"

# A signature that the profile kept off the tape is made up, with its length, and that is said.
record sign_default default sign
play sign_default sign_default sign
[[ $(stat -c %s "$work/sign_default.played/stdout.raw") -eq 256 ]] || fail "a made up signature has another length"
expect_said sign_default 'C_Sign: the tape does not contain the output'

# What the tape cannot answer: a code of its own, explained once, and to be seen on a recording of the player.
play list_objects digest digest
expect_said digest 'C_DigestInit: no recorded result: the tape contains no call of this function'
play wrong_pin longer_pin longer_pin
expect_said longer_pin 'C_Login: no recorded result: the tape contains 1 call of this function, but none with these arguments'
expect_said longer_pin 'nearest on the tape: call'
expect_said longer_pin 'which returned CKR_PIN_INCORRECT'
for scenario in digest longer_pin; do
  [[ $(cat "$work/$scenario.played/status") -ne 0 ]] || fail "$scenario succeeded"
  ! grep -qF -e "$pin" -e "$wrong_pin" "$work/$scenario.played/player" || fail "$scenario: a PIN was said"
done
real=$player
export P11TAPE_PLAY=$work/list_objects.p11tape P11TAPE_PLAY_LOG=$work/log
record behind default digest
unset P11TAPE_PLAY P11TAPE_PLAY_LOG
"$program" show --errors "$work/behind.p11tape" >"$work/shown"
grep -q 'C_DigestInit' "$work/shown" || fail "the recording of the player lacks the call: $(cat "$work/shown")"
grep -q 'CKR_FUNCTION_REJECTED' "$work/shown" || fail "the recording of the player lacks the code: $(cat "$work/shown")"
grep -q 'C_DigestInit: no recorded result' "$work/log" || fail "P11TAPE_PLAY_LOG has no explanation"
[[ $(stat -c %a "$work/log") == 600 ]] || fail "P11TAPE_PLAY_LOG can be read by others"

# No tape: C_Initialize fails, with the reason.
for tape in "$work/none" "$work/data" /tmp; do
  name=none_$(basename "$tape")
  ln -s "$tape" "$work/$name.p11tape"
  play "$name" "$name" look_around
  expect_said "$name" 'C_Initialize fails with CKR_GENERAL_ERROR: '
done
