#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A setuid program takes no variables: it is recorded by a file alone, and only by one that nobody else can write to.
# shellcheck source=tests/settings/lib.sh
source "$(dirname "$0")/lib.sh"
[[ $EUID -eq 0 ]] || skip "only root can make a program of another user"
other=65534

chmod 711 "$work"
mkdir -m 1777 "$tapes"
mkdir "$work/lib"
cp "$shim" "$work/lib/p11tape.so"
cp "$driver" "$work/helper"
chown "$other" "$work/helper"
chmod 4755 "$work/helper"
cp "$mock" "$work/lib/module.so"
chmod -R go+rX "$work/lib"
printf 'module: %s\ndir: %s\n' "$work/lib/module.so" "$tapes" >"$work/lib/p11tape.yaml"
chmod 644 "$work/lib/p11tape.yaml"

# Variables that would lead elsewhere, if they counted.
helper() {
  env P11TAPE_MODULE=/nowhere.so P11TAPE_DIR="$work/elsewhere" P11TAPE_OFF=1 PKCS11SPY=/nowhere.so \
    "$work/helper" "$work/lib/p11tape.so" 1 5
}
helper >"$work/made" 2>"$work/err" || fail "the helper ended with $?: $(cat "$work/err")"
tape=("$tapes"/*.p11tape)
grep -aqx 'at_secure=1' "${tape[0]}" || skip "setuid does not work in $work (mounted nosuid?)"
diff <(by_thread <"$work/made") <(calls_on_tapes | by_thread) || fail "the tape (>) does not have the calls (<)"
[[ $(stat -c '%u %a' "${tape[0]}") == "$other 600" ]] || fail "the tape is $(stat -c '%u %a' "${tape[0]}")"
expect_text 'P11TAPE_OFF, P11TAPE_MODULE, P11TAPE_DIR: set, but ignored' "$work/err"
[[ ! -e $work/elsewhere ]] || fail "a variable counted"

chmod 666 "$work/lib/p11tape.yaml"
helper >/dev/null 2>"$work/err" && fail "a file that everybody can write to was believed"
expect_text 'users other than the owner' "$work/err"
chmod 644 "$work/lib/p11tape.yaml"
chown 12345 "$work/lib/p11tape.yaml"
helper >/dev/null 2>"$work/err" && fail "a file of somebody else was believed"
expect_text 'belongs to user ID 12345 instead of root or user ID 65534' "$work/err"

# p11tape run says that it cannot.
if "$program" run -- "$work/helper" "$mock" 1 1 >/dev/null 2>"$work/err"; then fail "p11tape run ran a setuid program"; fi
expect_text 'ignores LD_AUDIT in setuid and setgid programs' "$work/err"
