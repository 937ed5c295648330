#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each client is recorded with no variable set, by a settings file beside the shared object alone.
# shellcheck source=tests/settings/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/settings/clients.sh
source "$here/clients.sh"
make_token

cp "$shim" "$work/p11tape-soft.so"
cat >"$work/p11tape-soft.yaml" <<END
module: $real
dir: $tapes
name: "{program}.{pid}"
programs:
  keytool: {log: $work/keytool.log}
END
for client in "${clients[@]}"; do
  rm -rf "$tapes"
  "$client" "$work/p11tape-soft.so" env >"$work/$client.out" 2>"$work/$client.err" ||
    fail "$client ended with $?: $(cat "$work/$client.err")"
  expect_success "$client" "$work/$client.out"
  compgen -G "$tapes/*.p11tape" >/dev/null || fail "$client left no tape"
  calls_on_tapes >"$work/calls"
  expect_text 'C_Initialize 0x0' "$work/calls"
  expect_text 'C_OpenSession 0x0' "$work/calls"
  grep -aq "^setting.module.from=$work/p11tape-soft.yaml:1$" "$tapes"/*.p11tape || fail "$client: the tape does not name the file"
done
/usr/bin/python3 "$here/calls.py" text <"$work/keytool.log" >"$work/logged" || fail "keytool's log does not parse"
[[ $(wc -l <"$work/logged") -eq $(wc -l <"$work/calls") ]] || fail "keytool's log has not the calls of its tape"
