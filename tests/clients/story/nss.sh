#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# NSS's modutil and certutil, with a database of their own.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/clients/story/nss_database.sh
source "$(dirname "$0")/nss_database.sh"
heading=NSS
prepare() { nss_database; }

make_token
healthy 'recorded' 'rsa'
by_hand certutil -K -d "sql:.pki/nssdb" -h mytoken -f pin
broken wrong-pin P12 wrong_pin
broken empty-token P11 empty_token
broken no-module P1 wrong_module
arguments=(--token-label my_token)
broken no-such-token P9 edit 's/-h mytoken/-h my_token/'

arguments=(--nss .pki/nssdb)
doctored no-module-doctor CFG501 wrong_module
doctored no-name CFG745 sed -i '/^name=recorded/d' .pki/nssdb/pkcs11.txt
