#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# p11tape show: names of calls, the choice of calls, one line a call; and the directory that commands read by default.
# Usage: show.sh SHIM PROGRAM
# shellcheck source=tests/clients/lib.sh disable=SC2154
source "$(dirname "$0")/../clients/lib.sh"
need pkcs11-tool
make_token

tapes=$work/tapes
export P11TAPE_DIR=$tapes P11TAPE_MODULE=$real
mkdir "$tapes"
tool() { "${instrumented[@]}" pkcs11-tool --module "$shim" --token-label "$token_label" "$@" >/dev/null 2>&1 </dev/null || true; }
tool --login --pin "$pin" --list-objects
sleep 0.01
tool --login --pin "$wrong_pin" --list-objects

# shown STATUS ARGUMENT...: the answer is in $work/answer.
shown() {
  local status=0
  "$program" show "${@:2}" >"$work/answer" 2>"$work/errors" || status=$?
  [[ $status -eq $1 ]] || fail "show ${*:2} ended with $status instead of $1: $(head -20 "$work/answer" "$work/errors")"
}
lines() { wc -l <"$work/answer"; }
says() { grep -qF -e "$1" "$work/answer" "$work/errors" || fail "show does not say \"$1\": $(head -20 "$work/answer" "$work/errors")"; }

mapfile -t all < <(ls "$tapes"/*.p11tape)
[[ ${#all[@]} -eq 2 ]] || fail "there should be two tapes: ${all[*]}"

# A line a call and nothing else; the function's name once.
shown 0 --oneline "${all[0]}"
calls=$(lines)
shown 0 --json "${all[0]}"
[[ $(grep -c '"kind":"call"' "$work/answer") -eq $calls ]] || fail "--oneline has $calls lines, --json other calls"

# A call has the same number whatever is read beside it.
shown 0 --oneline --rv CKR_PIN_INCORRECT "${all[@]}"
[[ $(lines) -eq 1 ]] || fail "one login failed: $(cat "$work/answer")"
name=$(cut -d' ' -f1 "$work/answer")
[[ $name =~ ^([12]):([0-9]+)$ ]] || fail "$name is not a name among two tapes"
shown 0 --oneline --rv 0xA0 "${all[BASH_REMATCH[1] - 1]}"
[[ $(cut -d' ' -f1 "$work/answer") == "${BASH_REMATCH[2]}" ]] || fail "the call is not ${BASH_REMATCH[2]} on its own tape"
shown 0 --json --call "$name" "${all[@]}"
says '"name":"CKR_PIN_INCORRECT"'
says "\"number\":${name#*:}"
shown 0 --oneline --call "$name" -C 1 "${all[@]}"
[[ $(lines) -eq 3 ]] || fail "-C 1 shows a call before and one after: $(cat "$work/answer")"
"$program" diagnose "${all[@]}" >"$work/answer" 2>"$work/errors" || [[ $? -eq 1 ]] || fail "diagnose: $(cat "$work/errors")"
says "call ${name#*:}"

# Filters and expressions.
shown 0 --oneline -e 'function=Login' "${all[@]}"
[[ $(lines) -eq 2 ]] || fail "there were two logins: $(cat "$work/answer")"
shown 0 --oneline -e "function~C_L* and failed and token='$token_label'" "${all[@]}"
[[ $(lines) -eq 1 ]] || fail "one login failed: $(cat "$work/answer")"
shown 0 --oneline --token "$token_label" -e 'not (function~Get* or duration>1h)' "${all[@]}"
[[ $(lines) -gt 0 ]] || fail "--token chooses nothing"
shown 0 --oneline --token "no such token" "${all[@]}"
[[ $(lines) -eq 0 ]] || fail "a token that is not there: $(cat "$work/answer")"
shown 0 --oneline --last 3 "${all[0]}"
[[ $(lines) -eq 3 ]] || fail "--last 3 shows $(lines) calls"
tail -3 <("$program" show --oneline "${all[0]}") | cmp -s - "$work/answer" || fail "--last 3 does not show the last ones"
shown 0 --oneline --since 1h "${all[@]}"
[[ $(lines) -gt "$calls" ]] || fail "all was recorded in the last hour"
shown 64 -e 'function=C_Sign and rv=CKR_NO_SUCH' "${all[@]}"
says 'column 24'
shown 64 -e 'colour=red' "${all[@]}"
says 'there is no field "colour"'
shown 64 -e '(failed' "${all[@]}"
says 'expected ")"'
shown 64 --call 3:1 "${all[@]}"
says 'no tape 3'
shown 64 --call 1 "${all[@]}"
says 'write 1:1'

# Colour only where it is asked for.
shown 0 --color always --errors "${all[@]}"
says $'\x1b[31m'
shown 0 --errors "${all[@]}"
if grep -q $'\x1b' "$work/answer"; then fail "colour in a file"; fi

# Without arguments: the directory of P11TAPE_DIR, the newest first.
shown 0 --oneline --errors
says "reading 2 tapes in $tapes"
says 'CKR_PIN_INCORRECT'
grep 'CKR_PIN_INCORRECT' "$work/answer" | grep -q '^1:' || fail "the newest tape is not the first"
for command in summary profile; do
  "$program" "$command" --last 1 >"$work/answer" 2>"$work/errors" || fail "$command: $(cat "$work/errors")"
done
P11TAPE_DIR=$work/nothing shown 2
says "$work/nothing"

# Slips of the fingers.
status=0
"$program" shw 2>"$work/errors" || status=$?
[[ $status -eq 64 ]] || fail "shw ended with $status"
grep -qF 'did you mean show?' "$work/errors" || fail "shw: $(cat "$work/errors")"
"$program" help show | grep -qF -- --oneline || fail "help show says nothing of --oneline"
