#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GnuTLS's p11tool, which comes through p11-kit and C_GetFunctionList.
# shellcheck source=tests/clients/lib.sh
source "$(dirname "$0")/lib.sh"
need p11tool

tool() { run p11tool --provider "$module" --batch "$@"; }

list_tokens() { tool --list-tokens; }

# p11tool takes its PIN from GNUTLS_PIN. Objects come in any order, so their numbers say nothing.
list_all() { GNUTLS_PIN=$pin tool --login --list-all "pkcs11:token=${token_label// /%20}"; }
without_order() { sed 's/^Object [0-9]*:/Object:/' | sort; }

sign() { GNUTLS_PIN=$pin tool --login --test-sign "pkcs11:token=${token_label// /%20};object=signer;type=private"; }

make_token
compare list_tokens
expect_status list_tokens 0
expect_call list_tokens C_GetTokenInfo CKR_OK

compare list_all without_order
expect_status list_all 0
expect_call list_all C_Login CKR_OK

compare sign
expect_status sign 0
expect_call sign C_Sign CKR_OK
expect_spy_agrees sign
