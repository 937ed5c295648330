#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# strongSwan's pkcs11 plugin, in its tool pki, which asks for the PIN on a terminal: script makes one.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
need pki script
heading=strongSwan
configuration=(pkcs11.conf)
pki --help 2>&1 | grep -q 'loaded plugins:.* pkcs11 ' || {
  echo 'skipped: pki has no plugin pkcs11, see tools/install-packages' >&2
  exit 77
}
prepare() {
  snippet strongswan-pkcs11.conf >pkcs11.conf
  printf 'pki {\n  load = pkcs11 x509 pkcs1 pem sha1 sha2 gmp random pubkey\n  plugins {\n    include %s/pkcs11.conf\n  }\n}\n' \
    "$story" >strongswan.conf
  export STRONGSWAN_CONF=$story/strongswan.conf
  # What is typed before the question is thrown away, so the answer is given again and again.
  # With SoftHSM pki crashes when it has done all and ends, with the recorder as without.
  edit 's/^pki \(.*\) >\(.*\)/(trap "" PIPE; while sleep 0.2; do { cat pin \&\& echo; } 2>ignored || break; done) | script -qec "pki \1" \2 || [[ $? -eq 139 ]]/'
}
set_path() { sed -i "s|^\( *\)path = .*|\1$1|" pkcs11.conf; }

make_token
healthy
openssl req -in <(sed -n '/-BEGIN/,/-END/p' request.pem | tr -d '\r') -noout -verify >verified 2>&1 || fail "there is no request: $(cat request.pem verified)"
broken wrong-pin P12 wrong_pin
broken no-such-key P21 edit 's/--keyid 0x01/--keyid 0x05/'
broken no-module P1 set_path 'path = /nowhere/libmodule.so'

arguments=(--strongswan pkcs11.conf)
doctored no-module-doctor CFG501 set_path 'path = /nowhere/libmodule.so'
doctored no-path CFG801 set_path ''
doctored braces CFG803 sed -i '$d' pkcs11.conf
