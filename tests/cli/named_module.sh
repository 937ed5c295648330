#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A tape may be anybody's: no command that reads one loads the module that the tape names.
# Usage: named_module.sh SHIM PROGRAM FRONT_MODULE
# shellcheck source=tests/clients/lib.sh disable=SC2154
source "$(dirname "$0")/../clients/lib.sh"
need pkcs11-tool
front=$(realpath "$3")
make_token
export FRONT_MODULE=$real FRONT_WHO=$work/who
"${instrumented[@]}" P11TAPE_MODULE="$front" P11TAPE_DIR="$work/tapes" \
  pkcs11-tool --module "$shim" --list-slots >/dev/null 2>&1 </dev/null || fail "pkcs11-tool ended with $?"
[[ -s $FRONT_WHO ]] || fail 'the module does not say that it is loaded'
tape=$(echo "$work"/tapes/*.p11tape)
grep -qF "$front" < <("$program" summary "$tape") || fail 'the tape does not name the module'

# quiet ARGUMENT...: the command reads the tape and loads nothing.
quiet() {
  local status=0
  rm -f "$FRONT_WHO"
  "$program" "$@" "$tape" >"$work/output" 2>&1 </dev/null || status=$?
  [[ $status -le 1 ]] || fail "p11tape $* ended with $status: $(cat "$work/output")"
  [[ ! -e $FRONT_WHO ]] || fail "p11tape $* loaded the module that the tape names"
}
echo 'no such secret' >"$work/secret"
for command in 'show --meaning' 'show --json' summary diagnose 'diagnose --json' profile metrics 'replay --dry-run' 'query label-mismatches' \
  'export --format spy' 'export --format otlp' "report -o $work/report.html" "bundle -o $work/case.tar.gz" \
  "verify-clean --secret-from $work/secret" "diff $tape" 'follow --all'; do
  # shellcheck disable=SC2086 # words
  quiet $command
done
tar -xzOf "$work/case.tar.gz" case/doctor.txt >"$work/doctor" || fail 'the archive has no doctor.txt'
grep -qF 'are not loaded' "$work/doctor" || fail "doctor.txt does not say so: $(cat "$work/doctor")"
"$program" scrub "$tape" "$work/copy.p11tape" >/dev/null
[[ ! -e $FRONT_WHO ]] || fail 'p11tape scrub loaded the module that the tape names'

# What is named on the command line is loaded, and says so.
"$program" doctor --module "$front" >/dev/null 2>&1 || true
[[ -s $FRONT_WHO ]] || fail 'doctor did not load the module that it was given'
