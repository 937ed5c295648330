#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A thousand signatures of a real client, whose hot spot the verdict has to name: the signatures themselves, and what was put
# beside them on purpose.
# shellcheck source=tests/profile/lib.sh disable=SC2154
source "$(dirname "$0")/lib.sh"
make_token
export P11TAPE_MODULE=$real

in_tapes() { P11TAPE_DIR=$tapes "$@"; }

sign() { in_tapes env SIGNER_PIN="$pin" "$signer" "$shim" "$@"; }
record plain sign 1000 plain
profile plain
expect plain 1 'in the module, .* were 1000 C_Sign calls of .*CKM_SHA256_RSA_PKCS, with the private .*"signer" id 01 on "shim test"'
expect plain 6 'until login'
expect plain 40 '^  C_Sign +1000 +0 '

# A login derives a key from the PIN, which takes SoftHSM longer than an RSA signature. Reading attributes takes it little:
# there it is the number of calls that has to be seen.
record login sign 1000 login
profile login
expect login 1 'were (1000|999) C_Login calls'
expect login 8 'logs in for nearly every operation: 1000 logins for 1000 operations.* \(P44\)'

record read sign 1000 read
profile read
expect read 8 'Attributes are read one at a time: 10000 of 1000[0-9] calls.*\(P47\)'
expect read 60 '^  C_GetAttributeValue +1000[0-9] '

record threads sign 400 threads
profile threads
expect threads 80 '^Concurrency: [0-9]+ calls? started while another was in progress'

# Functions of the mock that sleep: the very one is named, wherever it is.
slow() { in_tapes env P11TAPE_MODULE="$mock" P11TAPE_MOCK="$1" SIGNER_PIN=12345678 "$signer" "$shim" "${@:2}"; }
record searches slow C_FindObjectsInit:delay=300 1 plain
profile searches
expect searches 1 'in the module, [34][0-9]{2} ms \(([89][0-9]|100) %\) was 1 C_FindObjectsInit call'
expect searches 40 'finding the key +[34][0-9]{2} ms'

record attributes slow C_GetAttributeValue:delay=5 20 read
profile attributes
expect attributes 1 'in the module, [1-9]\.[0-9]+ s \([0-9]+ %\) were 201 C_GetAttributeValue calls of [0-9.]+ ms'

record initialize slow C_Initialize:delay=1200 1 plain
profile initialize
expect initialize 2 'until login, [12]\.[0-9]+ s \((9[0-9]|100) %\) was 1 C_Initialize call'
expect initialize 8 '\(P45\)'

# The same as a flame graph and a trace.
"$program" profile --folded "$work/folded" --perfetto "$work/trace" --json "$work/attributes.tapes" >"$work/json" ||
  fail "p11tape profile --json failed"
grep -qE '^profile_signer [0-9]+;thread [0-9]+;C_GetAttributeValue [0-9]{7}$' "$work/folded" || fail "folded: $(cat "$work/folded")"
for file in json trace; do
  python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$work/$file" || fail "$file is no JSON"
done
[[ $(grep -c '"name":"C_GetAttributeValue"' "$work/trace") -eq 201 ]] || fail "the trace has not 201 C_GetAttributeValue"

# What cannot be used.
status=0
"$program" profile --html /nowhere/page.html "$work/attributes.tapes" >/dev/null 2>"$work/said" || status=$?
[[ $status -eq 2 ]] && grep -q '/nowhere/page.html: cannot write the file' "$work/said" || fail "an unwritable page: $status $(cat "$work/said")"
status=0
"$program" profile "$work/json" >/dev/null 2>"$work/said" || status=$?
[[ $status -eq 2 ]] || fail "a file that is no tape: $status"
