#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Logs of other tools, diagnosed: what the log does not show is said once, and what is known of the configuration sharpens
# the finding. Usage: imported.sh SHIM PROGRAM
set -euo pipefail
program=$(realpath "$2")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/p11tape-imported.XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() {
  printf 'FAILED: %s\n%s\n' "$*" "$(cat "$work/answer")" >&2
  exit 1
}
says() { tr -s ' \n' ' ' <"$work/answer" | grep -qF -- "$1" || fail "diagnose does not say: $1"; }
silent_on() { ! tr -s ' \n' ' ' <"$work/answer" | grep -qF -- "$1" || fail "diagnose says: $1"; }
diagnose() {
  local status=0 wanted=$1
  shift
  "$program" diagnose --verbose "$@" "$work/tapes" >"$work/answer" 2>&1 || status=$?
  [[ $status -eq $wanted ]] || fail "diagnose $* ended with $status instead of $wanted"
}

# An MQ administrator's log of pkcs11-spy: C_Login passes eight bytes that are not text.
"$program" import -o "$work/tapes" "$here/../reports/logs/pin-is-no-text.log" >"$work/answer" 2>&1 || fail "import failed"
diagnose 1
says 'ERROR P12 The PIN handed to the module is not text: "MQ queue manager" rejected its 8 bytes.'
says 'it is not what was configured: a protected or stashed password that was not decoded'
silent_on 'ERROR P9'
[[ $(grep -c '^# not checked' "$work/answer") -eq 2 ]] || fail 'what was not checked is not listed once for each reason'
says '# not checked, because the log does not show how long calls took: P38,'
says '# not checked, because the log does not show which thread made a call: P33b,'

# With the configuration: it is known that another PIN was configured.
diagnose 1 --sslcryp 'GSK_PKCS11=/usr/lib/pkcs11/opensc-pkcs11.so;MQ queue manager;123456;SYMMETRIC_CIPHER_ON;'
says 'ERROR P12 The PIN handed to the module is not the configured one: it is 8 bytes that are not text.'
says 'the configured PIN is 6 bytes of text'
silent_on '123456;'
silent_on 'quotes were added'
diagnose 1 --sslcryp 'GSK_PKCS11=/usr/lib/pkcs11/opensc-pkcs11.so;MQ queue manager;<P11>!2!kqGk4SjLn2I=!4Xq0bg==;SYMMETRIC_CIPHER_ON;'
says 'the configured password is protected, and was not decrypted'
says 'MQS_SSLCRYP_KEYFILE'

# With MQ's error log: the message beside the call.
cat >"$work/AMQERR01.LOG" <<END
03/04/26 10:20:00 - Process(4711.1) User(app) Program(amqsputc)
                    Host(host) Installation(Installation1)
                    Time(2026-03-04T10:20:00.024Z)

AMQ9671E: The PKCS #11 token password specified is invalid.

EXPLANATION:
END
TZ=UTC diagnose 1 --amqerr "$work/AMQERR01.LOG"
says 'AMQ9671E'
says 'see P12'

# A log of the same program whose PIN is text is no case of this.
rm -r "$work/tapes"
"$program" import -o "$work/tapes" "$here/../reports/logs/pin-longer-than-allowed.log" >"$work/answer" 2>&1 || fail "import failed"
diagnose 1
silent_on 'not text'

# A log without arguments: nothing is said of a handle that it does not show, and the failed call is named nevertheless.
rm -r "$work/tapes"
"$program" import -o "$work/tapes" "$here/../reports/logs/no-login-in-the-child-provider.log" >"$work/answer" 2>&1 || fail "import failed"
diagnose 1
says 'C_SignInit returned CKR_KEY_HANDLE_INVALID'
silent_on 'ERROR P27'
silent_on '18446744073709551615'
