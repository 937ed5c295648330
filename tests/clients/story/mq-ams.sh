#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# IBM MQ's Advanced Message Security, with a library, token and PIN of its own in keystore.conf; mq.sh says what stands in
# for MQ. Usage: mq-ams.sh SHIM PROGRAM GSKIT-DRIVER
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
driver=$(realpath "$3")
heading='IBM MQ: a client'
configuration=(keystore.conf)
prepare() {
  snippet keystore.conf | sed "s|my_cert|signer|; s|PIN of the token|$pin|" >keystore.conf
  chmod 600 keystore.conf
  arguments=(--keystore-conf keystore.conf)
  edit 's/--mq-ini mqclient.ini/--keystore-conf keystore.conf/' \
    "s|^amqsputc .*|$driver --keystore-conf keystore.conf; echo \"amqsputc ended with \$?\"|"
}

make_token
healthy 'The token label matches' 'amqsputc ended with 0'
by_hand "$driver" --keystore-conf keystore.conf
broken wrong-pin P12 sed -i "s|$pin|$wrong_pin|" keystore.conf
broken wrong-label P9a sed -i 's|= mytoken|= MyToken|' keystore.conf
broken no-certificate P21 sed -i 's|= signer|= nobody|' keystore.conf
broken no-module P1 sed -i 's|^pkcs11.library = .*|pkcs11.library = /nowhere/libmodule.so|' keystore.conf
doctored no-pin CFG401 sed -i '/token_pin/d' keystore.conf
