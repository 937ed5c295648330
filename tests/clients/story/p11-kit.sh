#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# p11-kit, which finds modules by files of their own, and p11tool behind it.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
need p11-kit p11tool
heading=p11-kit
configuration=(.config/pkcs11/modules/softhsm2.module)
unset XDG_CONFIG_HOME

# p11-kit reads no user's files in programs of root, so root is somebody else here.
as_user=
if [[ $EUID -eq 0 ]]; then
  as_user='unshare --map-user=1000 --map-group=1000 -- '
  $as_user true 2>/dev/null || {
    echo 'skipped: as root this needs user namespaces, which are not to be had here' >&2
    exit 77
  }
fi

prepare() {
  mkdir -p .config/pkcs11/modules
  # The machine's own modules stay out of it.
  echo 'user-config: only' >.config/pkcs11/pkcs11.conf
  snippet p11tape.module >.config/pkcs11/modules/softhsm2.module
  edit "s/^p11-kit \|^p11tool /$as_user&/"
}
name_module() { sed -i "s|^module: .*|$1|" .config/pkcs11/modules/softhsm2.module; }

make_token
healthy 'softhsm2: ' 'Signing using'
# shellcheck disable=SC2086 # several words
by_hand $as_user p11-kit list-modules
broken wrong-pin P12 wrong_pin
broken no-such-key P21 edit 's/object=signer/object=nobody/'
broken empty-token P11 empty_token
broken no-module P1 name_module 'module: /nowhere/libmodule.so'

arguments=(--p11-kit softhsm2)
doctored no-module-doctor CFG501 name_module 'module: /nowhere/libmodule.so'
doctored equals-sign CFG763 name_module "module = $real"
doctored itself CFG766 name_module 'module: p11-kit-proxy.so'
