#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Clients that take the module on the command line, recorded by p11tape.
#
#   export P11TAPE_MODULE=/usr/lib/softhsm/libsofthsm2.so P11TAPE_DIR=/tmp/tapes
#   sh command-line.sh pkcs11-tool --list-token-slots
#
# The arguments after the client's name are passed to the client.

recorder=/usr/local/lib/pkcs11/p11tape.so
client=$1
shift
case $client in
  pkcs11-tool) exec pkcs11-tool --module "$recorder" "$@" ;;
  p11tool | gnutls-serv | gnutls-cli) exec "$client" --provider "$recorder" "$@" ;;
  ssh-keygen) exec ssh-keygen -D "$recorder" "$@" ;;
  # The module runs in a helper of ssh-agent, with the environment that the agent had when it started.
  ssh-add) exec ssh-add -s "$recorder" "$@" ;;
  ssh) exec ssh -I "$recorder" "$@" ;;
  *) echo "$0: $client is not one of pkcs11-tool, p11tool, gnutls-serv, gnutls-cli, ssh-keygen, ssh-add, ssh" >&2 && exit 64 ;;
esac
