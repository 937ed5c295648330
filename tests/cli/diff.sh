#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# p11tape diff and the selections of p11tape show, on tapes of real clients.
# Usage: diff.sh SHIM PROGRAM
# shellcheck source=tests/clients/lib.sh disable=SC2154
source "$(dirname "$0")/../clients/lib.sh"
need pkcs11-tool p11tool
make_token

# taped NAME COMMAND...: its only tape is $work/NAME.p11tape.
taped() {
  local name=$1 way=through tapes=$work/$1.tapes module=$shim
  mkdir -p "$work/$name"
  (cd "$work/$name" && "${@:2}") >"$work/$name.said" 2>&1
  mv "$tapes"/*.p11tape "$work/$name.p11tape" || fail "$name: not exactly one tape: $(ls "$tapes") $(cat "$work/$name.said")"
}
tool() { run pkcs11-tool --module "$module" "$@"; }
sign() { printf 'to be signed' >data && tool --login --pin "$1" --sign --mechanism "$2" --id 01 --input-file data --output-file signature; }

# differ STATUS A B [ARGUMENT...]: the answer is in $work/answer.
differ() {
  local status=0
  "$program" diff "${@:4}" "$work/$2.p11tape" "$work/$3.p11tape" >"$work/answer" 2>"$work/errors" || status=$?
  [[ $status -eq $1 ]] || fail "diff $2 $3 ended with $status instead of $1: $(cat "$work/answer" "$work/errors")"
  if grep -qF -e "$pin" -e "$wrong_pin" "$work/answer"; then fail "diff $2 $3 shows a PIN"; fi
}
says() { grep -qF -e "$1" "$work/answer" || fail "diff does not say \"$1\": $(cat "$work/answer")"; }
first() { grep '^First difference' "$work/answer" | grep -qF -e "$1" || fail "the first difference is not \"$1\": $(cat "$work/answer")"; }

taped good sign "$pin" SHA256-RSA-PKCS
taped again sign "$pin" SHA256-RSA-PKCS
taped other sign "$pin" SHA512-RSA-PKCS
taped pss sign "$pin" SHA256-RSA-PKCS-PSS
taped pss_again sign "$pin" SHA256-RSA-PKCS-PSS
# After a wrong PIN the token says in its flags that there was one: a difference to all tapes before.
taped refused sign "$wrong_pin" SHA256-RSA-PKCS
taped forgiven sign "$pin" SHA256-RSA-PKCS

differ 0 good good
differ 0 good again
says Alike
differ 0 pss pss_again
P11TAPE_PROFILE=payload taped pss_whole sign "$pin" SHA256-RSA-PKCS-PSS
P11TAPE_PROFILE=payload taped pss_whole_again sign "$pin" SHA256-RSA-PKCS-PSS
differ 0 pss_whole pss_whole_again
says 'random by nature'
differ 0 pss pss_whole
says 'the value is missing from at least one tape'

differ 1 good other
first 'C_SignInit'
says CKM_SHA512_RSA_PKCS
differ 1 good forgiven
first 'C_GetTokenInfo'
says CKF_USER_PIN_COUNT_LOW
differ 1 good refused
# The wrong PIN has another length: the first difference is seen before the answer.
first 'C_Login'
first 'CKR_PIN_INCORRECT in B'
differ 1 refused good
first 'CKR_OK in B'
differ 1 good refused --json
/usr/bin/python3 - "$work/answer" <<'END' || fail "the JSON is wrong: $(cat "$work/answer")"
import json, sys
d = json.load(open(sys.argv[1]))
assert not d["alike"] and d["kind"] == "diff"
one = d["differences"][0]
assert one["change"] == "differs" and one["a"]["function"] == "C_Login", one
assert {"return code", "length"} <= {v["kind"] for v in one["values"]}, one
END

# Queries do no harm: a client that looks at more on its way.
more() { tool --login --pin "$pin" --list-token-slots --list-objects; }
less() { tool --login --pin "$pin" --list-objects; }
taped more more
taped less less
differ 0 less more
says 'queries and polls that only B makes'

# Another token of another label.
use_token "$work/second"
softhsm2-util --init-token --free --label elsewhere --pin "$pin" --so-pin "$so_pin" >/dev/null
taped elsewhere less
differ 1 less elsewhere
first 'C_GetSlotList'
says 'B: the slot of token "elsewhere"'
says 'C_OpenSession'

# Colour on a terminal only, and not with NO_COLOR.
on_terminal() { PAGER=cat script -qec "$(printf '%q ' "$@")" /dev/null </dev/null || true; }
coloured() { grep -q $'\033\\[[0-9;]*m' <<<"$1"; }
if command -v script >/dev/null; then
  compared=(diff "$work/good.p11tape" "$work/refused.p11tape")
  coloured "$(on_terminal "$program" "${compared[@]}")" || fail 'diff has no colour on a terminal'
  for command in "${compared[*]}" "diagnose $work/refused.p11tape" "show $work/refused.p11tape"; do
    # shellcheck disable=SC2086 # words of a command line
    if coloured "$(NO_COLOR=1 on_terminal "$program" $command)"; then fail "$command: colour in spite of NO_COLOR"; fi
  done
fi
if coloured "$(cat "$work/answer")"; then fail 'colour in a file'; fi

# What cannot be used.
echo 'no tape' >"$work/text.p11tape"
differ 2 good text
mkdir "$work/several" && cp "$work/good.p11tape" "$work/again.p11tape" "$work/several"
status=0
"$program" diff "$work/several" "$work/good.p11tape" 2>"$work/errors" || status=$?
[[ $status -eq 2 ]] && grep -q 'contains 2 tapes' "$work/errors" || fail "a folder of two tapes: $status, $(cat "$work/errors")"
status=0
"$program" diff "$work/good.p11tape" >/dev/null 2>&1 || status=$?
[[ $status -eq 64 ]] || fail "one tape only: $status"
"$program" diff --window 5 "$work/good.p11tape" "$work/refused.p11tape" >"$work/answer" || fail "$(cat "$work/answer")"
says 'Only the first 5 calls of each tape'

# A replay's own look-ups are left out: they are made on a thread of a certain name.
cat >"$work/lookups.py" <<'END'
import ctypes, sys, threading
def name(text): ctypes.CDLL(None).prctl(15, text.encode(), 0, 0, 0)
module = ctypes.CDLL(sys.argv[1])
module.C_Initialize(None)
def look():
    if sys.argv[2] != "nobody": name(sys.argv[2])
    for _ in range(3): module.C_CloseSession(ctypes.c_ulong(4711))
if sys.argv[2] != "nothing":
    t = threading.Thread(target=look); t.start(); t.join()
module.C_Finalize(None)
END
for who in nothing nobody p11tape-lookup; do taped "$who" run /usr/bin/python3 "$work/lookups.py" "$shim" "$who"; done
differ 1 nothing nobody
differ 0 nothing p11tape-lookup
says "3 calls of B, look-ups made by a replay"

# show: what handles mean, and what belongs to a login, a session, an object.
shown() { "$program" show "$@" >"$work/answer" || fail "show $* ended with $?"; }
hides() { if grep -qF -e "$1" "$work/answer"; then fail "show says \"$1\": $(cat "$work/answer")"; fi; }
shown --meaning "$work/good.p11tape"
says "hSession = session 1 on \"$token_label\""
says "hKey = private key id 01 on \"$token_label\""
"$program" show --json --meaning "$work/good.p11tape" | grep -q '"handle":"object","meaning":"private' || fail 'no meaning in the JSON'
shown --login 1 "$work/good.p11tape"
says C_OpenSession
says C_Login
says C_Sign
hides C_Initialize
shown --login 1 "$work/refused.p11tape"
says C_OpenSession
says CKR_PIN_INCORRECT
hides C_CloseSession
shown --session 1 "$work/good.p11tape"
says C_OpenSession
says C_SignInit
hides C_GetSlotList
shown --object 'no such label' "$work/good.p11tape"
says ', 0 shown'
use_token "$work/token"
taped labelled tool --read-object --type cert --label signer --output-file certificate
shown --object signer "$work/labelled.p11tape"
says C_FindObjectsInit
hides C_GetSlotInfo
for wrong in '--login 2' '--session 9' '--login 0' '--session x'; do
  status=0
  # shellcheck disable=SC2086 # an option and its value
  "$program" show $wrong "$work/good.p11tape" >/dev/null 2>"$work/errors" || status=$?
  [[ $status -eq 64 ]] || fail "show $wrong ended with $status: $(cat "$work/errors")"
done
