#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# NSS's libsoftokn3.so, a module of PKCS#11 3.0 that wants its configuration in pReserved, which no tape has.
# Usage: softoken.sh SHIM PROGRAM CLIENT
# shellcheck source=tests/replay/lib.sh
source "$(dirname "$0")/lib.sh"
client=$(realpath "$3")
real=$(first_of /usr/lib/*/libsoftokn3.so /usr/lib/*/nss/libsoftokn3.so /usr/lib64/libsoftokn3.so)
export P11TAPE_PROFILE=payload
mkdir "$work/db" "$work/other" "$work/third"
record softoken "$client" "$shim" "$work/db" "$pin"
again=(--pin user=env:PIN --so-pin env:PIN --allow-writes --allow-failed-logins)
arguments() { echo "configDir='sql:$work/$1' certPrefix='' keyPrefix='' secmod='' flags="; }

replay without 1 "${again[@]}"
expect without 'return value (the tape does not contain the recorded pReserved, so none was passed; use --init-args to pass one)'

# The message key is generated, so that what was encrypted with the recorded one cannot be decrypted again.
replay with 0 "${again[@]}" --init-args "$(arguments other)"
expect with 'SAME'
expect with 'C_MessageDecryptInit, call'
expect with 'the replay generates a different key'

# A module that has no 3.0 gets the calls of 2.40, and that is said.
make_token
replay older 1 --pin user=env:PIN --so-pin env:PIN
expect older 'the recorded program used the interface 3.0, which this module does not have'
