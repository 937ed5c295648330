#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A TLS server of GnuTLS with its key in the token, and a client that connects.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
need gnutls-serv gnutls-cli
heading=gnutls-serv
# A test that is ended in the middle leaves no server behind.
prepare() { edit 's/^sleep\|^wait_for/echo $! >server.pid; &/'; }
pid_files=(server.pid)

make_token
healthy 'Handshake was completed'
broken wrong-pin P12 wrong_pin
broken no-such-key P21 edit 's/object=signer/object=nobody/'
broken key-may-not-sign P52 forbid_signing
broken no-module P1 no_module
