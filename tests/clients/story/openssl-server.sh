#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# openssl's TLS server with its key in the token.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/clients/story/engine.sh
source "$(dirname "$0")/engine.sh"
heading='openssl s_server'
prepare() {
  engine_configuration
  edit 's/^sleep\|^wait_for/echo $! >server.pid; &/'
  # One that gets no connection would be waited for.
  edit 's/^curl .*/& || kill $!/'
}
pid_files=(server.pid)

make_token
healthy 's_server'
broken wrong-pin P12 wrong_pin
wanted_status=0 broken no-such-key P21b edit 's/object=signer/object=nobody/'
broken key-may-not-sign P52 forbid_signing
broken no-module P1 wrong_module
