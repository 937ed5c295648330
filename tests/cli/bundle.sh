#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# p11tape bundle: an archive that holds the case and no secret, or no archive. p11tape scrub of a directory.
# Usage: bundle.sh SHIM PROGRAM
# shellcheck source=tests/clients/lib.sh disable=SC2154
source "$(dirname "$0")/../clients/lib.sh"
need pkcs11-tool tar gzip zstd sha256sum
make_token
tapes=$work/tapes
mkdir "$tapes" "$work/tmp"
export P11TAPE_DIR=$tapes P11TAPE_MODULE=$real TMPDIR=$work/tmp
for given in "$pin" "$wrong_pin"; do
  "${instrumented[@]}" pkcs11-tool --module "$shim" --token-label "$token_label" --login --pin "$given" --list-objects >/dev/null 2>&1 </dev/null || true
done
printf '%s\n' "$pin" >"$work/pin"
cat >"$work/AMQERR01.LOG" <<LOG
$(date +%m/%d/%y\ %H:%M:%S) - Process(4711.1) User(mqm) Program(amqsputc)
                    Time($(date -u +%Y-%m-%dT%H:%M:%S).000Z)
AMQ9669E: The PKCS #11 token could not be found. GSK_PKCS11=/x.so;shim test;$pin;SYMMETRIC_CIPHER_ON;
EXPLANATION:
----- amqccita.c : 123 --------------------------------------------------------
01/01/21 10:00:00 - Process(1.1) User(mqm) Program(old)
                    Time(2021-01-01T10:00:00.000Z)
AMQ9999E: Long ago.
LOG

# bundled STATUS FILE ARGUMENT...
bundled() {
  local status=0
  "$program" bundle -o "$2" "${@:3}" "$tapes" >"$work/answer" 2>"$work/errors" || status=$?
  [[ $status -eq $1 ]] || fail "bundle ${*:2} ended with $status instead of $1: $(cat "$work/answer" "$work/errors")"
  [[ $status -eq 0 || ! -e $2 ]] || fail "bundle failed, and left $2"
  [[ -z $(ls -A "$work/tmp") ]] || fail "bundle left files behind: $(ls "$work/tmp")"
}

for suffix in tar.gz tar.zst; do
  bundled 0 "$work/case.$suffix" --secret-from "$work/pin" --amqerr "$work/AMQERR01.LOG"
  mkdir "$work/$suffix"
  tar -C "$work/$suffix" -xf "$work/case.$suffix" || fail "tar cannot read the archive"
  (cd "$work/$suffix/case" && sha256sum --quiet -c SHA256SUMS) || fail "the checksums are wrong"
  (cd "$work/$suffix/case" && find . -type f ! -name SHA256SUMS | wc -l) >"$work/count"
  [[ $(cat "$work/count") -eq $(wc -l <"$work/$suffix/case/SHA256SUMS") ]] || fail "not every file has a checksum"
  [[ $(stat -c %a "$work/case.$suffix") == 600 ]] || fail "others can read the archive"
done
case=$work/tar.gz/case
for text in 'report.html:Content-Security-Policy' 'diagnosis.txt:CKR_PIN_INCORRECT' 'doctor.txt:libsofthsm2.so' \
  'versions.txt:kernel Linux' 'settings.txt:module' 'amqerr.txt:AMQ9669E' 'README.txt:none of the files contains it'; do
  grep -qF -e "${text#*:}" "$case/${text%%:*}" || fail "${text%%:*} lacks ${text#*:}: $(head -20 "$case/${text%%:*}")"
done
if grep -q AMQ9999E "$case/amqerr.txt"; then fail "a message of another time is in amqerr.txt"; fi
"$program" verify-clean --secret-from "$work/pin" "$case/tapes" >/dev/null || fail "verify-clean found the PIN"
if grep -rlF -e "$pin" -e "$wrong_pin" "$work/tar.gz"; then fail "the files above contain a PIN"; fi
[[ $("$program" show --oneline "$case/tapes" | wc -l) -eq $("$program" show --oneline "$tapes" | wc -l) ]] || fail "calls are missing"

# Doctor looks for the token label that was named.
printf 'name = x\nlibrary = %s\n' "$real" >"$work/java.cfg"
bundled 0 "$work/label.tar.gz" --java "$work/java.cfg" --token-label Shim_Test
tar -C "$work" -xOf "$work/label.tar.gz" label/doctor.txt >"$work/doctor.txt"
grep -q 'error: The token label does not match' "$work/doctor.txt" || fail "doctor was not told the token label: $(cat "$work/doctor.txt")"

# A secret that is there: of these tapes the token's label, which the default profile keeps.
printf '%s\n' "$token_label" >"$work/label"
bundled 1 "$work/with.tar.gz" --profile default --secret-from "$work/label"
grep -qF 'not written' "$work/errors" || fail "bundle does not say why: $(cat "$work/errors")"
if grep -qF -e "$token_label" "$work/answer" "$work/errors"; then fail "bundle printed the secret"; fi

# What cannot be: a name without a known suffix, an archive that exists, a secret that cannot be read.
bundled 64 "$work/case.zip"
bundled 2 "$work/none.tar.gz" --secret-from "$work/no-such-file"
bundled 2 /nowhere/case.tar.gz
before=$(sha256sum <"$work/case.tar.gz")
status=0
"$program" bundle -o "$work/case.tar.gz" "$tapes" >/dev/null 2>"$work/errors" || status=$?
[[ $status -eq 2 && $before == "$(sha256sum <"$work/case.tar.gz")" ]] || fail "an archive that exists: $status"

# A directory of tapes becomes a directory of copies.
"$program" scrub "$tapes" "$work/copies" >/dev/null || fail "scrub of a directory ended with $?"
[[ $(cd "$tapes" && ls) == "$(cd "$work/copies" && ls)" ]] || fail "scrub made $(ls "$work/copies")"
status=0
"$program" scrub "$tapes" "$work/copies" >/dev/null 2>&1 || status=$?
[[ $status -eq 2 ]] || fail "scrub into a directory that exists ended with $status"
