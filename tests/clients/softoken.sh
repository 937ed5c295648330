#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# NSS's libsoftokn3.so, a module of PKCS#11 3.0, through C_GetInterface; the client is softoken.cpp.
# Usage: softoken.sh SHIM PROGRAM CLIENT
# shellcheck source=tests/clients/lib.sh
source "$(dirname "$0")/lib.sh"
client=$(realpath "$3")
real=$(first_of /usr/lib/*/libsoftokn3.so /usr/lib/*/nss/libsoftokn3.so /usr/lib64/libsoftokn3.so)
# The parameters of C_Initialize are nobody's business either.
secrets+=("certPrefix=")

use_3_0() {
  mkdir "$folder.db"
  run "$client" "$module" "$folder.db" "$pin"
}

# NSS has interfaces of its own, which cannot be recorded; that is said on stderr, once each, and is the one difference.
without_notes() { sed '/^p11tape: the module.s interface "Vendor NSS .* is not recorded/d'; }

compare use_3_0 without_notes
expect_status use_3_0 0
expect_call use_3_0 C_Initialize CKR_ARGUMENTS_BAD 1
expect_call use_3_0 C_Initialize CKR_OK 1
expect_call use_3_0 C_GetInterface CKR_OK 2
expect_call use_3_0 C_LoginUser CKR_OPERATION_NOT_INITIALIZED 1
expect_call use_3_0 C_EncryptMessage CKR_OK 1
expect_call use_3_0 C_DecryptMessage CKR_OK 1
expect_call use_3_0 C_DecryptMessage CKR_ENCRYPTED_DATA_INVALID 1
