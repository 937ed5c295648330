#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenSC's pkcs11-tool, which is told its module on the command line.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
need pkcs11-tool
heading='pkcs11-tool (OpenSC)'
prepare() { snippet command-line.sh >command-line.sh; }

make_token
healthy 'Using signature algorithm SHA256-RSA-PKCS'
by_hand sh command-line.sh pkcs11-tool --login --pin "$pin" --list-objects
broken wrong-pin P12 wrong_pin
broken no-such-key P21 edit 's/--id 01/--id 05/'
broken no-module P1 no_module
broken empty-token P11 empty_token
broken key-may-not-sign P52 forbid_signing
