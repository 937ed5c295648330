#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Java: keytool, and a program that signs on several threads at once, through SunPKCS11.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
need java keytool
heading=Java
configuration=(java.cfg)
quick=(-XX:TieredStopAtLevel=1 -Xshare:auto -XX:-UsePerfData)
prepare() {
  snippet java-sunpkcs11.cfg >java.cfg
  edit "s/keytool /keytool ${quick[*]/#/-J} /"
}
threads() { edit "s|^keytool .*|java ${quick[*]} $here/story/Signer.java java.cfg pin signer 4|"; }

make_token
healthy 'signer, PrivateKeyEntry'
by_hand java "${quick[@]}" "$here/story/Signer.java" java.cfg pin signer 4
grep -qx '40 signatures on 4 threads' said || fail "the threads did not sign: $(cat said)"
[[ $(p11tape summary --json tapes | /usr/bin/python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["threads"])') -ge 4 ]] ||
  fail 'the tape does not contain the calls of four threads'

broken wrong-pin P12 wrong_pin
wanted_status=0 broken ids-differ P22 part_key_and_certificate
broken no-module P1 sed -i 's|^library = .*|library = /nowhere/libmodule.so|' java.cfg
broken no-such-slot P5 sed -i 's|^slotListIndex = .*|slot = 12345|' java.cfg
broken_threads() { threads && "$@"; }
broken threads-may-not-sign P52 broken_threads forbid_signing

arguments=(--java java.cfg)
doctored relative-path CFG703 sed -i 's|^library = .*|library = libsofthsm2.so|' java.cfg
