# SPDX-License-Identifier: Apache-2.0
# For the clients that come through libp11's engine.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what lib.sh reads, and what it sets
need openssl curl

configuration=(openssl.cnf)

# engine_configuration: openssl.cnf from the snippet, with the place that the engine has here.
engine_configuration() {
  local engine
  engine=$(first_of /usr/lib/*/engines-3/pkcs11.so /usr/lib64/engines-3/pkcs11.so)
  snippet openssl-engine.cnf | sed "s|^dynamic_path = .*|dynamic_path = $engine|" >openssl.cnf
}
wrong_module() { sed -i 's|^MODULE_PATH = .*|MODULE_PATH = /nowhere/libmodule.so|' openssl.cnf; }
