#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# p11tape run: clients are recorded although their configuration names the real module.
# shellcheck source=tests/settings/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/settings/clients.sh
source "$here/clients.sh"
make_token
export P11TAPE_DIR=$tapes

for client in "${clients[@]}"; do
  rm -rf "$tapes"
  "$client" "$real" "$program" run --log "$work/$client.log" -- >"$work/$client.out" 2>"$work/$client.err" ||
    fail "$client ended with $?: $(cat "$work/$client.err")"
  expect_success "$client" "$work/$client.out"
  expect_text 'p11tape: recorded on th' "$work/$client.err"
  tape=$(grep -o "$tapes/.*libsofthsm2.*\.p11tape" "$work/$client.err" | head -n 1)
  [[ -e $tape ]] || fail "$client: the tape that was named is not there: $(cat "$work/$client.err")"
  grep -aqx "module.path=$real" "$tape" || fail "$client: the tape is not of $real"
  calls_on_tapes >"$work/calls"
  expect_text 'C_OpenSession 0x0' "$work/calls"
  [[ -s $work/$client.log ]] || fail "$client left no log"
done
compgen -G '/tmp/p11tape-run.*/*softhsm*' >/dev/null && fail "a folder in /tmp was left behind"

# The command's own status, arguments and output.
status() {
  local expected=$1 found=0
  shift
  "$program" run -- "$@" >"$work/out" 2>"$work/err" || found=$?
  [[ $found -eq $expected ]] || fail "$*: status $found instead of $expected: $(cat "$work/err")"
}
status 7 sh -c 'exit 7'
status 137 sh -c 'kill -9 $$'
status 0 echo '--module' 'a b'
[[ $(cat "$work/out") == '--module a b' ]] || fail "arguments are changed: $(cat "$work/out")"
expect_text 'no tape was written' "$work/err"
status 127 no-such-command-here
[[ -z ${LD_AUDIT-} ]]
status 1 sh -c '[ -z "$LD_AUDIT" ]'

# Only the module that is named.
rm -rf "$tapes"
"$program" run --module "$mock" -- "$driver" "$mock" 1 3 >"$work/made" 2>"$work/err"
diff <(by_thread <"$work/made") <(calls_on_tapes | by_thread) || fail "the tape (>) does not have the calls (<)"
rm -rf "$tapes"
"$program" run --module "$real" -- "$driver" "$mock" 1 3 >/dev/null 2>"$work/err"
expect_text 'no tape was written' "$work/err"
"$program" run --module /bin/true -- true 2>"$work/err" && fail "/bin/true is no module"
expect_text 'not a PKCS#11 module' "$work/err"

# NSS's softoken is used by other functions as well, and is left alone.
if command -v certutil >/dev/null; then
  mkdir "$work/nss"
  "$program" run -- certutil -N -d "sql:$work/nss" --empty-password 2>"$work/err" || fail "certutil: $(cat "$work/err")"
fi

# A static program has no loader to ask.
if echo 'int main(){}' | cc -static -x c -o "$work/static" - 2>/dev/null; then
  status 2 "$work/static"
  expect_text 'statically linked' "$work/err"
fi
