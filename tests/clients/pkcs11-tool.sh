#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenSC's pkcs11-tool, which asks for C_GetInterface first and falls back to C_GetFunctionList's table.
# shellcheck source=tests/clients/lib.sh
source "$(dirname "$0")/lib.sh"

tool() { run pkcs11-tool --module "$module" "$@"; }
user() { tool --login --pin "$pin" "$@"; }

look_around() {
  tool --show-info
  tool --list-slots
  tool --list-mechanisms
}

# SoftHSM's objects come in an order of their own each time.
list_objects() { user --list-objects; }

# Its last test needs an OAEP label, which SoftHSM refuses: the exit status is 1 without us, too.
self_test() { user --test; }

make_and_use_keys() {
  printf 'to be signed' >data
  user --keypairgen --key-type rsa:2048 --label fresh --id 02
  user --keygen --key-type AES:32 --label secret --id 03
  user --sign --mechanism SHA256-RSA-PKCS --id 01 --input-file data --output-file signature
  user --verify --mechanism SHA256-RSA-PKCS --id 01 --input-file data --signature-file signature
  user --delete-object --type privkey --id 02
}

change_pins() {
  user --change-pin --new-pin "$wrong_pin"
  tool --login --login-type so --so-pin "$so_pin" --init-pin --new-pin "$pin"
}

wrong_pin() { tool --login --pin "$wrong_pin" --list-objects; }

make_token
compare look_around
expect_status look_around 0 0 0
expect_call look_around C_GetMechanismInfo CKR_OK
expect_spy_agrees look_around

compare list_objects sort
expect_status list_objects 0
expect_call list_objects C_Login CKR_OK 1

compare self_test
expect_status self_test 1
expect_call self_test C_DecryptInit CKR_ARGUMENTS_BAD 1
expect_spy_agrees self_test

compare make_and_use_keys
expect_status make_and_use_keys 0 0 0 0 0
expect_call make_and_use_keys C_Login CKR_OK 5
expect_call make_and_use_keys C_GenerateKeyPair CKR_OK 1
expect_call make_and_use_keys C_GenerateKey CKR_OK 1
expect_call make_and_use_keys C_DestroyObject CKR_OK 1
expect_spy_agrees make_and_use_keys

compare change_pins
expect_status change_pins 0 0
expect_call change_pins C_SetPIN CKR_OK 1
expect_call change_pins C_InitPIN CKR_OK 1

compare wrong_pin
expect_status wrong_pin 1
expect_call wrong_pin C_Login CKR_PIN_INCORRECT 1
