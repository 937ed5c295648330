#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenSSH's client, with PKCS11Provider in its configuration. There is no server: the module is asked for its keys as soon
# as the connection is there, which is one that says nothing.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
need ssh
heading=ssh
configuration=(ssh_config)
unset SSH_AUTH_SOCK SSH_PKCS11_HELPER
prepare() {
  snippet ssh_config >ssh_config
  edit 's/^ssh .*/ssh -v -o ProxyCommand=true -F ssh_config server.example || true/'
}

make_token
healthy 'have 1 keys'
broken empty-token P11 empty_token
broken no-module P1 sed -i 's|PKCS11Provider .*|PKCS11Provider /nowhere/libmodule.so|' ssh_config
broken no-settings P3 rm token.conf
