#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Python program that asks for the same in another order, and for more. Debian's package is made for Debian's Python.
# shellcheck source=tests/player/lib.sh
source "$(dirname "$0")/lib.sh"
/usr/bin/python3 -c 'import PyKCS11' 2>/dev/null || skip "PyKCS11 is not installed: python3-pykcs11 has it"

driver=$(realpath "$(dirname "$0")/order.py")
as_recorded() { /usr/bin/python3 "$driver" "$module" "$token_label" "$pin" "$wrong_pin"; }
in_another_order() { /usr/bin/python3 "$driver" "$module" "$token_label" "$pin" "$wrong_pin" another; }

make_token
record as_recorded payload as_recorded
play as_recorded as_recorded as_recorded
expect_same as_recorded 0
expect_silence as_recorded

# What it finds out is the same; it prints sorted lines.
play as_recorded another in_another_order
expect_silence another
[[ $(cat "$work/another.played/status") -eq 0 ]] || fail "in another order: $(cat "$work/another.played/stderr")"
diff -u "$work/as_recorded.recorded/stdout" "$work/another.played/stdout" >&2 ||
  fail "in another order, it was told something else"
