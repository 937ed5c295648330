#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The story of a queue manager, by the commands of config/MQ.md and by what they print, and nothing else: a channel that
# does not start, followed to its cause, mended, and everything as it was before. queue_manager.py stands in for MQ.
# Usage: queue-manager-page.sh SHIM PROGRAM GSKIT-DRIVER
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
page=MQ.md
heading='A queue manager'
for name in runmqsc strmqm; do
  cp "$here/story/queue_manager.py" "$usr/bin/$name"
  chmod +x "$usr/bin/$name"
done
ln "$3" "$usr/bin/amqrmppa" 2>/dev/null || cp "$3" "$usr/bin/amqrmppa"

# paste_mqsc FILE: the last commands for runmqsc that stand there, as somebody pastes them who knows the PIN.
cat >"$usr/bin/paste_mqsc" <<'END'
#!/usr/bin/env bash
awk '/^ *ALTER QMGR SSLCRYP/ { alter = $0 } /^ *REFRESH SECURITY/ { refresh = $0 } END { print alter; print refresh }' "$1" |
  sed "s/<password>/$(cat "$HOME/pin")/"
END
chmod +x "$usr/bin/paste_mqsc"

label=$token_label
prepare() {
  module=/usr/lib/softhsm/libsofthsm2.so
  strmqm QM1 >/dev/null
  runmqsc QM1 <<<"ALTER QMGR SSLCRYP('GSK_PKCS11=$real;$label;$(cat pin);SYMMETRIC_CIPHER_OFF;')
REFRESH SECURITY TYPE(SSL)" >/dev/null
  arguments=(--sslcryp file:sslcryp --amqerr qmgrs/QM1/errors/AMQERR01.LOG)
  edit "s|/var/mqm/trace/tapes|$story/tapes|" "s|/var/mqm/qmgrs|$story/qmgrs|" 's| --user mqm||' \
    "s,^runmqsc QM1 *#.*paste.*,paste_mqsc '$story/said' | runmqsc QM1,"
}
stored() { /usr/bin/python3 -c 'import json; print(json.load(open("qmgrs/QM1/qm.json"))["in_effect"])'; }
messages() { grep -c '^AMQ' qmgrs/QM1/errors/AMQERR01.LOG || true; }

make_token
softhsm2-util --init-token --free --label 'other card' --pin 'pin-of-the-other' --so-pin "$so_pin" >/dev/null
[[ $(commands | wc -l) -ge 7 ]] || fail "config/$page, $heading: only these commands: $(commands)"
[[ $(commands | grep -c '^runmqsc QM1 *#.*paste') -eq 2 ]] || fail "config/$page, $heading: nothing is pasted: $(commands)"

# Nothing is wrong: everything ends well, the channel was recorded, and the queue manager is as it was.
begin healthy
before=$(stored)
play -e
[[ $status -eq 0 ]] || fail "the commands of config/$page ended with $status: $(cat said)"
[[ $(messages) -eq 0 ]] || fail "the channel failed: $(cat qmgrs/QM1/errors/AMQERR01.LOG said)"
without_secrets said sslcryp
[[ $(stored) == "$before" ]] || fail "the way back does not lead back: $(stored | sed "s/$pin/PIN/")"
judge 0 "${arguments[@]}"
p11tape summary tapes | grep -qF amqrmppa || fail "the channel's process is not on the tape: $(p11tape summary tapes)"

# A wrong label: the printed line is put into the command that the finding names, and the channel starts.
label='UserPIN (mytoken)'
begin wrong-label
softhsm2-util --init-token --free --label 'mytoken (UserPIN)' --pin "$pin" --so-pin "$so_pin" >/dev/null
play
judge 1 "${arguments[@]}"
[[ $first == P9g ]] || fail "the first finding is $first: $(cat said)"
[[ $(messages) -eq 1 ]] || fail "MQ says nothing: $(cat qmgrs/QM1/errors/AMQERR01.LOG)"
grep -q 'AMQ9669E.*' said || fail "MQ's message is not in the diagnosis: $(cat said)"
grep -qF "SSLCRYP('...')" said || fail "the finding does not say where to put the line: $(cat said)"
right=$(sed -n 's/^  that is: //p' said | tail -n 1 | sed "s/<password>/$pin/; s/'/''/g")
[[ -n $right ]] || fail "no line to configure: $(cat said)"
runmqsc QM1 <<<"ALTER QMGR SSLCRYP('$right')
REFRESH SECURITY TYPE(SSL)
START CHANNEL(TO.QM2)" >mended
[[ $(messages) -eq 1 ]] || fail "the channel still fails: $(tail -n 3 qmgrs/QM1/errors/AMQERR01.LOG)"
p11tape doctor --sslcryp "$(stored)" --pin configured >doctor.said || fail "the doctor finds something: $(cat doctor.said)"
without_secrets said sslcryp mended doctor.said
label=$token_label

broken wrong-pin P12 wrong_pin
without_secrets said
restart_elsewhere() { # the environment of the shell does not reach a queue manager, which has another one
  mkdir blank
  printf 'directories.tokendir = %s\n' "$PWD/blank" >blank.conf
  SOFTHSM2_CONF=$PWD/blank.conf strmqm QM1 >/dev/null
}
broken other-environment P11 restart_elsewhere
name_no_module() {
  runmqsc QM1 <<<"ALTER QMGR SSLCRYP('GSK_PKCS11=/nowhere/libmodule.so;mytoken;$pin;SYMMETRIC_CIPHER_OFF;')" >/dev/null
}
broken no-module P1 name_no_module
grep -q CFG501 said || fail "the doctor does not say that the module is missing: $(cat said)"
