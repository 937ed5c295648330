#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GnuTLS's p11tool, with the module on the command line.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
need p11tool
heading='p11tool (GnuTLS)'
prepare() { snippet command-line.sh >command-line.sh; }

make_token
healthy 'Signing using'
GNUTLS_PIN=$pin by_hand sh command-line.sh p11tool --login --list-all pkcs11:token=mytoken
broken wrong-pin P12 wrong_pin
broken no-such-key P21 edit 's/object=signer/object=nobody/'
broken no-module P1 no_module
broken key-may-not-sign P52 forbid_signing
arguments=(--token-label my_token)
broken no-such-token P9 edit 's/token=mytoken/token=my_token/'
