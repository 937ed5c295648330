#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# No command shows a password of a configuration: each file of the corpus goes through doctor, swap (the difference, and in
# earnest), restore and diagnose. And after restore each is what it was.
# shellcheck source=tests/doctor/lib.sh
corpus=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../corpus")
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The passwords of the corpus; tests/unit/clients knows the same.
passwords=('s3cr3t-0815' '12345678')
commands=0

# quiet ARGUMENT...: whatever the program says, and however it ends, no password is in it.
quiet() {
  local status=0 password
  "$program" "$@" >output 2>&1 || status=$?
  [[ $status -le 2 ]] || fail "p11tape $* ended with $status"
  for password in "${passwords[@]}"; do
    ! grep -qaF -- "$password" output || fail "p11tape $* shows the password"
  done
  commands=$((commands + 1))
}

# Each swap copies the recorder, and without what debuggers read it is a tenth of the size.
if objcopy --strip-debug "$shim" recorder.so 2>/dev/null; then shim=$work/recorder.so; fi

# A tape for diagnose to compare the configurations with.
P11TAPE_MODULE=$module P11TAPE_DIR=$work/tapes "${instrumented[@]}" pkcs11-tool --module "$shim" --list-token-slots >/dev/null

for file in "$corpus"/*/*; do
  kind=$(basename "$(dirname "$file")")
  mkdir case
  name=case/$(basename "$file")
  argument=$name swaps=yes
  case $kind in
    mq-ini | keystore-conf | java | openssl | strongswan) option=--$kind ;;
    mq-string) option=--sslcryp argument=file:$name ;;
    p11-kit) option=--p11-kit ;;
    ssh) option=--ssh-config ;;
    nss)
      option=--nss name=case/pkcs11.txt argument=case
      [[ $file != *.db ]] || name=case/secmod.db
      ;;
    ccdt | nginx | httpd) option=--$kind swaps=no ;;
    *) fail "the corpus has a folder that this test does not know: $kind" ;;
  esac
  cp "$file" "$name"
  quiet doctor --no-load --verbose "$option" "$argument"
  quiet doctor --no-load --json "$option" "$argument"
  if [[ $swaps == yes ]]; then
    quiet diagnose "$option" "$argument" tapes
    quiet swap --dry-run --shim "$shim" --into "$work/into" "$option" "$argument"
    quiet swap --shim "$shim" --into "$work/into" "$option" "$argument"
    quiet restore "$option" "$argument"
    rm -f into/*.yaml # a copy stands for one module only
  fi
  cmp "$file" "$name" || fail "$kind/${file##*/} is not what it was"
  rm -r case
done
[[ $commands -gt 400 ]] || fail "only $commands commands were run"

# The string itself on the command line, which the help advises against, is wiped as soon as it is read.
quiet doctor --no-load --sslcryp "GSK_PKCS11=$module;mytoken;${passwords[0]};"
quiet swap --dry-run --shim "$shim" --sslcryp "GSK_PKCS11=$module;mytoken;${passwords[0]};"
