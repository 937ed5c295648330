#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenSC's module with a virtual card: recorded, and replayed on the same card. Usage: card.sh SHIM PROGRAM PCSC, the last
# being the library that stands in for PC/SC with a card in its reader.
# shellcheck source=tests/replay/lib.sh
source "$(dirname "$0")/lib.sh"
pcsc=$(realpath "$3")
real=$(compgen -G '/usr/lib*/*/opensc-pkcs11.so' | head -n 1) || { echo 'OpenSC is not installed'; exit 77; }
command -v pkcs11-tool >/dev/null || { echo 'pkcs11-tool is not installed'; exit 77; }
[[ -z ${P11TAPE_TEST_PRELOAD-} ]] || { echo 'another library is preloaded'; exit 77; }

export OPENSC_CONF=/dev/null P11TAPE_PROFILE=payload LD_PRELOAD=$pcsc
printf 'to be signed' >"$work/data"
for card in piv:123456 sc-hsm:648219; do
  export VIRTUAL_CARD=${card%:*} PIN=${card#*:}
  record "$VIRTUAL_CARD" pkcs11-tool --module "$shim" --login --pin "$PIN" --list-objects
  LD_PRELOAD='' "$program" show "$tape" | grep -q 'C_Login' || fail "$VIRTUAL_CARD: no login: $(cat "$work/$VIRTUAL_CARD.out")"
  replay "$VIRTUAL_CARD" 0 --pin user=env:PIN
  expect "$VIRTUAL_CARD" 'SAME'
  expect "$VIRTUAL_CARD" 'C_Login'
done
