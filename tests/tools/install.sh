#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# install.sh BUILD: what `cmake --install` puts where, and that it works from there.
set -euo pipefail
prefix=$(mktemp -d "${TMPDIR:-/tmp}/p11tape-install.XXXXXX")
trap 'rm -rf "$prefix"' EXIT
cmake --install "$1" --prefix "$prefix" >"$prefix/log" 2>&1 || { cat "$prefix/log" && exit 1; }

# found PATTERN: the one file of that name.
found() {
  local file
  file=$(find "$prefix" -type f -path "*/$1")
  [[ -n $file && $file != *$'\n'* ]] || { echo "not installed, or twice: $1" && exit 1; }
  echo "$file"
}
shim=$(found pkcs11/p11tape.so)
found pkcs11/p11tape-player.so
found pkcs11/p11tape-run.so
for file in "$shim" "$(found bin/p11tape)" "$(found pkcs11/p11tape-run.so)"; do
  if readelf -SW "$file" | grep -qE '\.(debug_info|symtab) '; then echo "not stripped: $file" && exit 1; fi
done
found include/p11tape/pkcs11.h
found examples/p11tape.yaml
program=$(found bin/p11tape)
"$program" --version
# The program finds the recorder that is installed with it. (That no module is named is a finding.)
"$program" settings >"$prefix/settings" || [[ $? -eq 1 ]]
grep -qxF "shim          $shim" "$prefix/settings" || { cat "$prefix/settings" && exit 1; }

# The library, the headers and the CMake package are enough to build a program that reads a tape.
example=$(dirname "$(find "$prefix" -path '*/examples/read_tape/read_tape.cpp')")
cmake -S "$example" -B "$prefix/example" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_FLAGS=-O0 >"$prefix/log" 2>&1 &&
  cmake --build "$prefix/example" >>"$prefix/log" 2>&1 || { cat "$prefix/log" && exit 1; }
"$1/bin/golden-tapes" "$prefix"
"$prefix/example/read_tape" "$prefix/session.p11tape" | grep -E '^ +[0-9]+  C_Login$' ||
  { echo "the example does not find C_Login" && exit 1; }
