#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# openssl with libp11's engine: a certificate request.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/clients/story/engine.sh
source "$(dirname "$0")/engine.sh"
heading='openssl with the pkcs11 engine'
prepare() { engine_configuration; }

make_token
healthy
by_hand env OPENSSL_CONF=openssl.cnf openssl req -new -engine pkcs11 -keyform engine -subj /CN=request -out request.pem \
  -key "pkcs11:token=mytoken;object=signer;type=private;pin-value=$pin"
broken wrong-pin P12 wrong_pin
wanted_status=0 broken no-such-key P21b edit 's/object=signer/object=nobody/'
broken no-module P1 wrong_module
broken key-may-not-sign P52 forbid_signing
arguments=(--token-label my_token)
broken no-such-token P9 edit 's/token=mytoken/token=my_token/'

arguments=(--openssl openssl.cnf)
doctored no-module-doctor CFG501 wrong_module
doctored engine-for-module CFG724 sed -i 's|^MODULE_PATH = .*|MODULE_PATH = /usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so|' openssl.cnf
doctored not-reached CFG721 sed -i '/^openssl_conf/d' openssl.cnf
