#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Python program with PyKCS11. Debian's package is made for Debian's Python, whichever comes first in the PATH.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
/usr/bin/python3 -c 'import PyKCS11' 2>/dev/null || {
  echo 'skipped: python3-pykcs11 is not installed, see tools/install-packages' >&2
  exit 77
}
heading=PyKCS11
prepare() { cp "$config/pykcs11.py" .; }

make_token
healthy 'signed'
broken wrong-pin P12 wrong_pin
broken no-such-key P21 edit 's/mytoken signer/mytoken nobody/'
broken key-may-not-sign P52 forbid_signing
broken no-module P1 no_module
arguments=(--token-label my_token)
broken no-such-token P9 edit 's/mytoken signer/my_token signer/'
