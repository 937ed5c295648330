#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GnuTLS's p11tool, which comes through p11-kit.
# shellcheck source=tests/player/lib.sh
source "$(dirname "$0")/lib.sh"
command -v p11tool >/dev/null || skip "p11tool is not installed: gnutls-bin has it"

# It takes its PIN from GNUTLS_PIN.
list_all() { GNUTLS_PIN=$pin p11tool --provider "$module" --batch --login --list-all "pkcs11:token=${token_label// /%20}"; }
list_tokens() { p11tool --provider "$module" --batch --list-tokens; }

make_token
for scenario in list_tokens list_all; do
  record "$scenario" default "$scenario"
  play "$scenario" "$scenario" "$scenario"
  expect_same "$scenario" 0
  expect_silence "$scenario"
done
