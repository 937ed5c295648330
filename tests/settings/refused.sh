#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A configuration string in the wrong place: whatever setting holds it, the PIN in it is on no tape, in no message and in
# no copy of an older tape that has it.
# shellcheck source=tests/settings/lib.sh
source "$(dirname "$0")/lib.sh"

secret=SECRETPIN77
strings=(
  "GSK_PKCS11=/usr/lib/softhsm/libsofthsm2.so;mytoken;$secret;SYMMETRIC_CIPHER_ON;"
  "gsk%5Fpkcs11=/m.so;mytoken;$secret;"
  "pkcs11:token=mytoken?pin-value=$secret"
  "pkcs11:token=mytoken?pin%2Dvalue=$secret"
  "/usr/lib/softhsm/libsofthsm2.so;mytoken;$secret;"
)
variables=(P11TAPE_MODULE PKCS11SPY P11TAPE_DIR P11TAPE_LOG P11TAPE_CONTROL P11TAPE_CONFIG P11TAPE_NAME P11TAPE_PROFILE
  P11TAPE_LIMIT P11TAPE_LEAVE_OUT P11TAPE_ERRORS_ONLY P11TAPE_SLOWER_THAN)

# nothing_of WHAT FILE...: the secret is in none of the files.
nothing_of() {
  local what=$1
  shift
  if grep -rlaF "$secret" "$@" >"$work/found"; then fail "$what: the PIN is in $(tr '\n' ' ' <"$work/found")"; fi
}

for string in "${strings[@]}"; do
  for variable in "${variables[@]}"; do
    rm -rf "$tapes"
    mkdir "$tapes"
    if [[ $variable == PKCS11SPY ]]; then
      env P11TAPE_DIR="$tapes" PKCS11SPY="$string" "$driver" "$shim" 1 2 >"$work/out" 2>"$work/err" || true
    else
      (cd "$tapes" && record "$variable=$string" >"$work/out" 2>"$work/err") || true
    fi
    nothing_of "$variable=$string" "$work/err" "$tapes"
    grep -q '^p11tape: ' "$work/err" || fail "$variable=$string: no message"
  done
  for line in "module: \"$string\"" "profile: \"$string\"" "\"$string\": 1" "leave_out: [\"$string\"]" \
    "programs: {\"$string\": {limit: 5M}}" "programs: {x: {keep: \"$string\"}}"; do
    rm -rf "$tapes"
    mkdir "$tapes"
    printf '%s\ndir: %s\n' "$line" "$tapes" >"$work/p11tape.yaml"
    env P11TAPE_CONFIG="$work/p11tape.yaml" "$driver" "$shim" 1 2 >"$work/out" 2>"$work/err" || true
    nothing_of "$line" "$work/err" "$tapes"
  done
done

# A tape of a recorder that knew no better: the same bytes, with the string in a property.
rm -rf "$tapes"
mkdir "$tapes"
string=${strings[0]}
place=$work/$(printf 'x%.0s' $(seq $((${#string} - ${#work} - 1))))
[[ ${#place} == "${#string}" ]] || fail "the path is ${#place} bytes long"
record P11TAPE_LOG="$place" >/dev/null
tape=("$tapes"/*.p11tape)
sed -i "s|$place|$string|g" "${tape[0]}"
grep -qaF "$secret" "${tape[0]}" || fail "the tape was not changed"
for profile in default strict payload; do
  "$program" scrub --profile "$profile" "${tape[0]}" "$work/$profile.p11tape" >/dev/null
  nothing_of "scrub --profile $profile" "$work/$profile.p11tape"
done
