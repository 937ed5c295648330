#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# curl with a client certificate and its key in the token, through OpenSSL's engine.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/clients/story/engine.sh
source "$(dirname "$0")/engine.sh"
heading='curl with a client certificate'
curl --version | grep -q OpenSSL/ || {
  echo 'skipped: this curl is not built with OpenSSL' >&2
  exit 77
}
pid_files=(server.pid)

# The server asks for a certificate, and shows which it was given.
prepare() {
  engine_configuration
  sed -e "s|/etc/pki/pin|$story/pin|" -e "s|/etc/pki/ca.pem|$story/certificate.pem|" "$config/curlrc" >curlrc
  openssl s_server -cert certificate.pem -key "$work/key" -accept "$port" -Verify 1 -www >server.said 2>&1 &
  echo $! >server.pid
  wait_for_port "$port" $!
}

make_token
healthy 'Client certificate'
broken wrong-pin P12 wrong_pin
wanted_status=0 broken no-such-key P21b rename_key
wanted_status=0 broken no-certificate P21b remove_certificate
broken key-may-not-sign P52 forbid_signing
broken no-module P1 wrong_module
