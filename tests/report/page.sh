#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The page of real clients in a real browser, at three sizes, with labels that would like to be markup. Usage: page.sh SHIM
# PROGRAM SIGNER
# shellcheck source=tests/diagnose/lib.sh disable=SC2154
source "$(dirname "$0")/../diagnose/lib.sh"
signer=$(realpath "$3")
command -v chromium-headless-shell >/dev/null || need chromium
need python3
make_token
evil='</script><img src=x onerror='
softhsm2-util --init-token --free --label "$evil" --pin "$pin" --so-pin "$so_pin" >/dev/null
softhsm2-util --delete-token --token "$token_label" >/dev/null
softhsm2-util --import "$work/key" --token "$evil" --pin "$pin" --label '<b onclick=alert(1)>"key"&amp;' --id 01 >/dev/null

through() { "${instrumented[@]}" P11TAPE_MODULE="$real" P11TAPE_DIR="$tapes" "$@"; }
tools() {
  through env SIGNER_PIN="$pin" "$signer" "$shim" 200 threads
  through pkcs11-tool --module "$shim" --login --pin "$wrong_pin" --list-objects
}
record page tools
page=$work/page.html
"$program" report -o "$page" "$work/page.tapes" || fail "report ended with $?"
for secret in "${secrets[@]}"; do
  if grep -qF -e "$secret" "$page"; then fail "the page contains the PIN $secret"; fi
done
[[ $(stat -c %a "$page") == 600 ]] || fail "others can read the page: $(stat -c %a "$page")"
calls=$("$program" show --oneline "$work/page.tapes" | wc -l)
failed=$("$program" show --oneline --errors "$work/page.tapes" | wc -l)
[[ $calls -gt 400 && $failed -eq 1 ]] || fail "$calls calls, $failed failed: $(cat "$work/page.said")"
python3 "$(dirname "$0")/page.py" "$work" "$page" "$calls" "$failed" || fail "the page does not do what it should"

# Messages of MQ's error log stand beside the calls of their time, without PINs.
last=$("$program" summary --json --last 1 "$work/page.tapes" | python3 -c 'import json,sys; print(json.loads(sys.stdin.readline())["last"])')
printf '01/01/26 00:00:00 - Process(4711.1) User(mqm) Program(amqrmppa)\n                    Time(%s)\n\nAMQ9669E: The PKCS #11 token could not be found <b>. Password=%s\n----\n' "$last" "$pin" >"$work/AMQERR01.LOG"
printf '01/01/20 00:00:00 - Process(1.1) User(mqm) Program(other)\n                    Time(2020-01-01T00:00:00.000Z)\n\nAMQ9999E: Long ago.\n' >>"$work/AMQERR01.LOG"
"$program" report -o "$work/mq.html" --amqerr "$work/AMQERR01.LOG" "$work/page.tapes" || fail "report --amqerr ended with $?"
grep -qF 'AMQ9669E The PKCS #11 token could not be found &lt;b&gt;' "$work/mq.html" || fail "the page lacks MQ's message: $(grep AMQ "$work/mq.html" | head -c 1000)"
grep -qF '1 other message at times without a call' "$work/mq.html" || fail 'a message of another time is not counted'
if grep -qF -e "$pin" -e AMQ9999E "$work/mq.html"; then fail 'the page has a PIN, or a message of another time'; fi
status=0
"$program" report -o "$work/mq.html" --amqerr /nowhere "$work/page.tapes" 2>"$work/said" || status=$?
[[ $status -eq 2 ]] || fail "report with a log that is not there ended with $status"

# The same page from p11tape profile; what cannot be written.
"$program" profile --html "$work/profile.html" "$work/page.tapes" >/dev/null
cmp -s "$page" "$work/profile.html" || fail "profile --html writes another page"
status=0
"$program" report -o /nowhere/page.html "$work/page.tapes" 2>"$work/said" || status=$?
[[ $status -eq 2 ]] && grep -q '/nowhere/page.html: cannot write the file' "$work/said" || fail "an unwritable page: $status $(cat "$work/said")"
