#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# NSS's modutil and certutil, which load p11tape.so as Firefox does: by C_GetInterface where there is one, and with
# initialise arguments of NSS's own.
# shellcheck source=tests/clients/lib.sh
source "$(dirname "$0")/lib.sh"
need modutil certutil

list_keys() {
  local database=$folder.nss
  mkdir "$database"
  printf '%s\n' "$pin" >"$folder.pin"
  run certutil -N -d "sql:$database" --empty-password
  run modutil -dbdir "sql:$database" -force -add token -libfile "$module"
  run modutil -dbdir "sql:$database" -list token
  run certutil -K -d "sql:$database" -h "$token_label" -f "$folder.pin"
  run certutil -L -d "sql:$database" -h "$token_label" -f "$folder.pin"
}

make_token
compare list_keys
expect_status list_keys 0 0 0 0 0
expect_call list_keys C_Login CKR_OK
expect_call list_keys C_FindObjects CKR_OK
