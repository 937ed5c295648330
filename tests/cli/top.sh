#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# p11tape top: plain and in a terminal; p11tape follow: its header. Usage: top.sh SHIM PROGRAM
# shellcheck source=tests/clients/lib.sh disable=SC2154
source "$(dirname "$0")/../clients/lib.sh"
need pkcs11-tool tmux
make_token
tapes=$work/tapes
mkdir "$tapes"
export P11TAPE_DIR=$tapes P11TAPE_MODULE=$real

# Stays until its input ends, between a login and the end of its session.
cat >"$work/client.py" <<'PYTHON'
import ctypes, sys
module = ctypes.CDLL(sys.argv[1])
module.C_Initialize(None)
slots, count = (ctypes.c_ulong * 8)(), ctypes.c_ulong(8)
module.C_GetSlotList(1, slots, ctypes.byref(count))
session = ctypes.c_ulong()
module.C_OpenSession(slots[0], 4, None, None, ctypes.byref(session))
module.C_Login(session, 1, b"wrong-pin", 9)
print("ready", flush=True)
sys.stdin.read()
PYTHON
mkfifo "$work/in"
exec 7<>"$work/in"
"${instrumented[@]}" python3 "$work/client.py" "$shim" <"$work/in" 7>&- >"$work/client" &
client=$!
session=p11tape-top-$$
trap 'exec 7>&-; kill $client 2>/dev/null || true; tmux -L "$session" kill-server 2>/dev/null || true; rm -rf "$work"' EXIT
for ((i = 0; i < 600; ++i)); do
  grep -q ready "$work/client" && break
  kill -0 "$client" 2>/dev/null || fail "the client ended: $(cat "$work/client")"
  sleep 0.1
done
calls=$("$program" show --oneline "$tapes" | wc -l)

"$program" top --once >"$work/answer" 2>"$work/errors" || fail "top --once ended with $?"
grep -qE "^ *$client  python3[^ ]* +[0-9.]+ +$calls +1 +1 +1 " "$work/answer" || fail "the client is not in the list: $(cat "$work/answer")"
if grep -q $'\x1b' "$work/answer"; then fail "top --once moves the cursor"; fi

# In a terminal of 80 columns: the same line, no line wider, and q ends it.
tmux -L "$session" -f /dev/null new-session -d -x 80 -y 24 "'$program' top; echo ended with \$?; sleep 600" 7>&-
seen=no
for ((i = 0; i < 600; ++i)); do
  tmux -L "$session" capture-pane -p >"$work/screen"
  if grep -qE "^ *$client  python3" "$work/screen"; then
    seen=yes
    break
  fi
  sleep 0.1
done
[[ $seen == yes ]] || fail "top shows nothing in a terminal: $(cat "$work/screen")"
grep -q '^p11tape top' "$work/screen" || fail "the screen has no head: $(cat "$work/screen")"
tmux -L "$session" send-keys q
for ((i = 0; i < 600; ++i)); do
  tmux -L "$session" capture-pane -p | grep -q 'ended with 0' && break
  sleep 0.1
done
tmux -L "$session" capture-pane -p | grep -q 'ended with 0' || fail "q does not end top: $(tmux -L "$session" capture-pane -p)"

# follow: the header is there before any call is.
"$program" follow "$client" >"$work/followed" 2>&1 7>&- &
follower=$!
for ((i = 0; i < 600; ++i)); do
  grep -q "^# tape 1: python3.*process $client" "$work/followed" && break
  sleep 0.1
done
grep -q "^# tape 1: python3.*process $client" "$work/followed" || fail "follow has no header: $(cat "$work/followed")"
kill "$client"
wait "$client" 2>/dev/null || true
wait "$follower" || fail "follow ended with $?"
