#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The story of a queue manager's client whose token cannot be found, told by the program to an administrator.
# shellcheck source=tests/diagnose/lib.sh disable=SC2154
source "$(dirname "$0")/lib.sh"
token_label='mytoken (UserPIN)'
make_token

driver() { GSKIT_PIN=$1 run "$gskit" "$module" "${@:2}"; }
string="GSK_PKCS11=/usr/lib/p.so;UserPIN (mytoken);$pin;SYMMETRIC_CIPHER_ON;"

record label driver "$pin" 'UserPIN (mytoken)'
grep -qF CTGSK2137W "$work/label.said" || fail "the driver does not say what runmqakm says"

# check_head NAME: label, message and what to configure, within five lines.
check_head() {
  expect_first "$1" P9g
  expect_text "$1" 1 'because of its label'
  expect_text "$1" 5 '"UserPIN (mytoken)"'
  expect_text "$1" 5 '"mytoken (UserPIN)"'
  expect_text "$1" 5 'configure exactly: mytoken (UserPIN)'
}

diagnose label 1 --sslcryp "$string"
check_head label
expect_text label 2 'AMQ9669E'
expect_text label 5 'GSK_PKCS11=/usr/lib/p.so;mytoken (UserPIN);<password>;SYMMETRIC_CIPHER_ON;'
MQSSLCRYP=$string diagnose label 1 --sslcryp env:MQSSLCRYP
check_head label
diagnose label 1 --sslcryp - <<<"$string"
check_head label
printf 'SSL:\n  SSLCryptoHardware=%s\n' "${string//;/\\;}" >"$work/mqclient.ini"
diagnose label 1 --mq-ini "$work/mqclient.ini"
check_head label
expect_text label 5 'SSLCryptoHardware=GSK_PKCS11=/usr/lib/p.so\;mytoken (UserPIN)\;<password>\;SYMMETRIC_CIPHER_ON\;'
diagnose label 1 --token-label 'UserPIN (mytoken)'
check_head label

# Without the configuration, the two failures that runmqakm reports alike are told apart all the same.
diagnose label 0
expect_first label P9
expect_text label 5 'so the PIN was never tried'
record pin driver "$wrong_pin" 'mytoken (UserPIN)'
cmp <(sed 1,1d "$work/pin.said" | grep CTGSK) <(sed 1,1d "$work/label.said" | grep CTGSK) || fail "the driver tells the two apart"
diagnose pin 1
expect_first pin P12
# A mask in the configuration is nothing to compare with, and no fault: copies that are sent to others have one.
sed "s/;$pin;/;***;/; s/UserPIN (mytoken)/mytoken (UserPIN)/; s/;/\\\\;/g; s/^/SSL:\n  SSLCryptoHardware=/" <<<"$string" >"$work/masked.ini"
diagnose pin 1 --mq-ini "$work/masked.ini"
expect_first pin P12
grep -qF 'instead of the PIN: the lengths cannot be compared' "$work/pin.answer" || fail "a mask is compared: $(cat "$work/pin.answer")"
if grep -qF 'the configured PIN' "$work/pin.answer"; then fail "a mask is taken for the PIN: $(cat "$work/pin.answer")"; fi
record nobody driver "$pin" 'mytoken (UserPIN)' 'no such certificate'
diagnose nobody 1
expect_first nobody P21
record fine driver "$pin" 'mytoken (UserPIN)' signer
grep -q 'exit status 0' "$work/fine.said" || fail "the driver cannot sign: $(cat "$work/fine.said")"
diagnose fine 0 --token-label 'mytoken (UserPIN)'
diagnose fine 0

# MQ's error log is put beside the calls; of another day it is not.
moment=$("$program" summary --json "$work/label.tapes" | /usr/bin/python3 -c 'import json,sys; print(json.loads(sys.stdin.readline())["last"])')
cat >"$work/AMQERR01.LOG" <<E2
----- amqxxxx.c : 1 -----------------------------------------------------------
01/01/26 00:00:00 - Process($$.1) User(app) Program(gskit_driver)
                    Time($moment)

AMQ9669E: The PKCS #11 token could not be found.
-------------------------------------------------------------------------------
01/01/20 00:00:00 - Process(1.1) User(app) Program(other)
                    Time(2020-01-01T00:00:00.000Z)

AMQ9999E: Channel ended abnormally.
E2
diagnose label 1 --sslcryp "$string" --amqerr "$work/AMQERR01.LOG"
grep -qE 'AMQ9669E The PKCS #11 token could not be found' "$work/label.answer" || fail "no message of the log: $(cat "$work/label.answer")"
grep -qF 'see P9g' "$work/label.answer" || fail "the message does not lead to the finding: $(cat "$work/label.answer")"
grep -qF '1 other message' "$work/label.answer" || fail "the message of another day is not counted: $(cat "$work/label.answer")"

# JSON says the same.
diagnose label 1 --json --sslcryp "$string"
/usr/bin/python3 - "$work/label.answer" <<'E2' || fail "the JSON is not as it should be: $(cat "$work/label.answer")"
import json, sys
d = json.load(open(sys.argv[1]))
f = d["findings"][0]
assert d["kind"] == "diagnosis" and d["errors"] == 1
assert f["id"] == "P9g" and f["severity"] == "error" and f["slug"] == "label-word-order"
assert f["label"]["configure"] == "mytoken (UserPIN)"
assert bytes.fromhex(f["label"]["token_hex"]).decode().rstrip() == "mytoken (UserPIN)"
assert any(r["code"] == "AMQ9669E" and not r["hint"] for r in f["reported"])
assert all(t["complete"] is True and t["missing"] == [] for t in d["tapes"])
E2

# Each says in JSON how complete the tape is.
head -c 20000 "$(ls "$work/label.tapes"/*.p11tape | head -n 1)" >"$work/cut.p11tape"
for command in show diagnose profile summary; do
  for tape in "$work/label.tapes" "$work/cut.p11tape"; do
    "$program" "$command" --json "$tape" 2>/dev/null | tail -n 1 >"$work/$command.json" || true
    TAPE=$tape /usr/bin/python3 - "$work/$command.json" <<'E2' || fail "$command --json does not say what is missing: $(cat "$work/$command.json")"
import json, os, sys
d = json.load(open(sys.argv[1]))
d = d["tapes"][0] if "tapes" in d else d
assert d["complete"] is (not os.environ["TAPE"].endswith("cut.p11tape"))
assert (d["missing"] == []) is d["complete"]
E2
  done
done

# Input that is none.
: >"$work/empty.p11tape"
status=0
"$program" diagnose "$work/empty.p11tape" >/dev/null 2>"$work/empty.errors" || status=$?
[[ $status -eq 2 ]] || fail "an empty file gives status $status"
status=0
"$program" diagnose --amqerr /nonexistent "$work/label.tapes" >/dev/null 2>&1 || status=$?
[[ $status -eq 2 ]] || fail "a log that is not there gives status $status"
"$program" explain AMQ9669E 0xA0 CTGSK2137W 2382 63C2 CKM_RSA_PKCS_PSS >"$work/explained"
for word in AMQ9669E CKR_PIN_INCORRECT CTGSK2137W MQRC_CRYPTO_HARDWARE_ERROR 63C2 CKM_RSA_PKCS_PSS; do
  grep -qF "$word" "$work/explained" || fail "explain does not know $word"
done
"$program" summary "$work/fine.tapes" >"$work/summary"
for word in gskit_driver 'mytoken (UserPIN)' C_Sign; do
  grep -qF "$word" "$work/summary" || fail "the summary does not name $word: $(cat "$work/summary")"
done
"$program" summary --json "$work/fine.tapes" | /usr/bin/python3 -c 'import json,sys; s=json.loads(sys.stdin.readline()); assert s["failed"]==0 and s["logins"]["tried"]==1 and s["tokens"][0]["label"]'
