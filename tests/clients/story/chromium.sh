#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Chromium, which shows a server a client certificate whose key is in a token, found through the NSS database of its user.
# Chromium asks for a PIN in a window, and without a screen waits for it for ever: so the token is one that needs no PIN,
# SoftHSM behind a module that logs in by itself.
# Usage: chromium.sh SHIM PROGRAM FRONT-MODULE
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
need chromium openssl
# shellcheck source=tests/clients/story/nss_database.sh
source "$(dirname "$0")/nss_database.sh"
heading=Chromium
pid_files=(server.pid)
front=$(realpath "$3")

# The profile says which certificate to show without asking: whichever there is.
prepare() {
  nss_database
  sed -i "s|^library=$real\$|library=$front|" .pki/nssdb/pkcs11.txt
  mkdir -p profile/Default
  printf '{"profile":{"content_settings":{"exceptions":{"auto_select_certificate":{"%s":{"setting":{"filters":[{}]}}}}}}}' \
    "https://localhost:$port,*" >profile/Default/Preferences
  openssl s_server -cert certificate.pem -key "$work/key" -accept "$port" -verify 1 -www >server.said 2>&1 &
  echo $! >server.pid
  wait_for_port "$port" $!
  edit "s|^chromium |env FRONT_PIN=$pin FRONT_CLEAR=0x4 FRONT_MODULE=$real timeout 60 chromium --no-sandbox --disable-gpu --no-first-run --user-data-dir=$story/profile |"
}

make_token
healthy 'Client certificate'
[[ $(p11tape show --json tapes | grep -c '"C_Sign"') -ge 1 ]] || fail 'nothing was signed'
broken key-may-not-sign P52 forbid_signing
broken ids-differ P22 part_key_and_certificate
broken no-module P1 wrong_module
arguments=(--nss .pki/nssdb)
doctored no-module-doctor CFG501 wrong_module
