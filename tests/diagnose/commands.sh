#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The commands that findings print are run as they stand, on the broken set-up itself, which has two tokens: each works,
# finds the token that the client had used, and changes nothing. And no rule prints a command that could.
# shellcheck source=tests/diagnose/lib.sh disable=SC2154
source "$(dirname "$0")/lib.sh"
make_token
softhsm2-util --init-token --free --label 'shim test 2' --pin "$pin" --so-pin "$so_pin" >/dev/null
tool() { P11TAPE_MODULE=$real P11TAPE_DIR=$tapes pkcs11-tool --module "$module" "$@"; }
slot=$(pkcs11-tool --module "$real" --list-token-slots | awk -v label="$token_label" '
  /^Slot/ { gsub(/[():]/, ""); id = $3 } $1 == "token" && $0 ~ ": " label "$" { print id }')
slot=$((slot))
[[ $slot -ne 0 ]] || fail "no slot of the token was found: $(pkcs11-tool --module "$real" --list-token-slots)"

record wrong_pin tool --slot "$slot" --login --pin "$wrong_pin" --list-objects
record no_slot tool --slot 99 --login --pin "$pin" --list-objects
record missing env P11TAPE_MODULE=/nowhere/module.so P11TAPE_DIR="$work/missing.tapes" pkcs11-tool --module "$shim" --list-slots
record other_label tool --slot "$slot" --login --pin "$pin" --list-objects

# Objects, labels and serial numbers. A correct login may take back the flag that an earlier one failed: token.object is that.
token_state() {
  (cd "$work/token" && find . -type f -name '*.object' ! -name token.object -print0 | sort -z | xargs -0 sha256sum)
  pkcs11-tool --module "$real" --list-token-slots | grep -E '^Slot|token label|serial num'
  pkcs11-tool --module "$real" --slot "$slot" --login --pin "$pin" --list-objects --type privkey
}
before=$(token_state)
typed="--login --pin $pin " # as somebody would type it where the command asks
ran=0
for name in wrong_pin no_slot missing other_label; do
  extra=()
  [[ $name != other_label ]] || extra=(--token-label 'shim_test')
  "$program" diagnose --json "${extra[@]}" "$work/$name.tapes" >"$work/$name.json" 2>/dev/null || true
  python3 - "$work/$name.json" >"$work/$name.commands" <<'PYTHON'
import json, sys
def walk(findings):
    for f in findings:
        if f["severity"] != "info":
            for c in f["commands"]:
                print(c)
        walk(f["consequences"])
walk(json.load(open(sys.argv[1]))["findings"])
PYTHON
  [[ -s $work/$name.commands ]] || fail "$name: no command is printed: $(cat "$work/$name.json")"
  while IFS= read -r command; do
    ran=$((ran + 1))
    status=0
    (cd "$work" && PATH=$(dirname "$program"):$PATH setsid -w bash -c "${command/--login /$typed}") >"$work/said" 2>&1 </dev/null || status=$?
    case $command in
      # These show what is wrong, and say so.
      ls\ * | namei\ * | file\ * | 'p11tape settings'* | 'p11tape doctor'* | ldconfig*) [[ $status -le 2 ]] || fail "$name: \"$command\" ended with $status: $(cat "$work/said")" ;;
      *) [[ $status -eq 0 ]] || fail "$name: \"$command\" ended with $status: $(cat "$work/said")" ;;
    esac
    case $command in
      *--login*) grep -qF -e "--slot $slot " <<<"$command" || fail "$name: \"$command\" does not name the token's slot $slot" ;;
    esac
    [[ $(token_state) == "$before" ]] || fail "$name: \"$command\" changed the token"
  done <"$work/$name.commands"
done
[[ $ran -ge 4 ]] || fail "only $ran commands were run"

# What rules, their tables and the checks of configurations can print at all.
sources=$here/../../src
if grep -rnE 'commands.*(--init-token|--init-pin|--change-pin|--unlock-pin|--delete-object|--write-object|--keypairgen|--set-id)' "$sources/diagnose/rules" "$sources/clients"; then
  fail "the commands above change a token"
fi
if grep -rnE '"[^"]*(Initialise|initialise) the token \([^"]*--init-token' "$sources/diagnose" "$sources/clients"; then fail "the advice above initialises a token"; fi
