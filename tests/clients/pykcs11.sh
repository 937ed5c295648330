#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Python program that uses PyKCS11. Debian's package is made for Debian's Python, whichever comes first in the PATH.
# shellcheck source=tests/clients/lib.sh
source "$(dirname "$0")/lib.sh"

python() { run /usr/bin/python3 "$here/pykcs11.py" "$module" "$token_label" "$pin" "$wrong_pin"; }

make_token
compare python
expect_status python 0
expect_call python C_Login CKR_PIN_INCORRECT 1
expect_call python C_Login CKR_OK 1
expect_call python C_GenerateKey CKR_OK 1
expect_call python C_Decrypt CKR_OK
expect_spy_agrees python
