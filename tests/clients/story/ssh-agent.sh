#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenSSH: ssh-keygen, and ssh-agent, whose helper loads the module.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
need ssh-keygen ssh-agent ssh-add
heading='ssh-keygen and ssh-agent'

# ssh-add asks for the PIN by a program where there is no terminal.
cat >"$usr/bin/askpass" <<'END'
#!/bin/sh
cat "$HOME/pin"
END
chmod +x "$usr/bin/askpass"
export SSH_ASKPASS=$usr/bin/askpass SSH_ASKPASS_REQUIRE=force
unset SSH_AUTH_SOCK SSH_AGENT_PID SSH_PKCS11_HELPER

prepare() {
  snippet command-line.sh >command-line.sh
  # shellcheck disable=SC2016 # for the commands
  edit "s|ssh-agent -P|ssh-agent -a $story/agent -P|" 's/^ssh-add -s/echo $SSH_AGENT_PID >agent.pid; &/'
}
pid_files=(agent.pid)

make_token
healthy 'Card added' 'Agent pid'
by_hand sh command-line.sh ssh-keygen
grep -q '^ssh-rsa ' said || fail "ssh-keygen shows no key: $(cat said)"
broken wrong-pin P12 wrong_pin
broken empty-token P11 empty_token
broken no-module P1 no_module
broken key-may-not-sign P52 forbid_signing

# The agent that refuses the path never loads it: only the doctor can tell.
elsewhere() {
  cp "$real" module.so
  arguments=(--ssh --module "$story/module.so")
}
doctored not-allowed CFG781 elsewhere
