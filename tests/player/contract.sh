#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The player as an object: what it exports, and what it needs. Usage: contract.sh PLAYER
set -euo pipefail
player=$1
exported=$(readelf --dyn-syms --wide "$player" | awk '$7 != "UND" && $5 ~ /GLOBAL|WEAK/ { print $8 }' | sort)
[[ $(wc -l <<<"$exported") -eq 104 ]] || { echo "exports $(wc -l <<<"$exported") symbols instead of 104"; exit 1; }
if grep -v '^C_' <<<"$exported"; then echo "exports the symbols above, which are none of PKCS#11's"; exit 1; fi
if readelf -d "$player" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE '^(lib(c|m|dl|pthread)\.so\.[0-9]|ld-linux.*)$'; then
  echo "needs the libraries above"
  exit 1
fi
if readelf -d "$player" | grep -E 'TEXTREL|RPATH|RUNPATH|SONAME'; then exit 1; fi
