# SPDX-License-Identifier: Apache-2.0
# What the tests of this folder share. Each tells the whole story of a client, as an administrator lives through it: a
# configuration (the snippet of config/), the recorder put in, the client at work, the diagnosis, the recorder taken out.
# The commands are those of config/README.md: what is printed there is what is run here. Then the same is
# told with something broken, and the diagnosis (or the doctor, where nothing reaches a module) must name it first.
#
# Usage of a test: NAME.sh SHIM PROGRAM. It defines `prepare`, which makes the client's files in the current folder.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2094 # many variables are for the tests; a command and its file may have the same name
# shellcheck source=tests/clients/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

token_label=mytoken
page=README.md   # of config/
heading=         # of that page: whose commands are run
configuration=() # files that must be the same, byte for byte, after the story
pid_files=()     # files of a story with the number of a process that must not outlive the test
arguments=()     # for p11tape diagnose or p11tape doctor

# The README's commands name an installed p11tape; here it is installed for this test alone.
usr=$work/usr
recorder=$usr/lib/pkcs11/p11tape.so
mkdir -p "$usr/bin" "$usr/lib/pkcs11"
ln "$program" "$usr/bin/p11tape" 2>/dev/null || cp "$program" "$usr/bin/p11tape"
# Each swap copies the recorder, and without what debuggers read it is a tenth of the size.
objcopy --strip-debug "$shim" "$recorder" 2>/dev/null || cp "$shim" "$recorder"
export PATH=$usr/bin:$PATH

clean_up() {
  local one file
  for one in "${pid_files[@]}"; do
    for file in "$work"/*/"$one"; do
      [[ ! -s $file ]] || kill "$(cat "$file")" 2>/dev/null || true
    done
  done
  rm -rf "$work"
}
trap clean_up EXIT

need() {
  local one
  for one in "$@"; do
    command -v "$one" >/dev/null || {
      echo "skipped: $one is not installed, see tools/install-packages" >&2
      exit 77
    }
  done
}

free_port() {
  /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_for_port PORT PID: until somebody listens there, or the process is gone; 20 seconds at most.
cat >"$usr/bin/wait_for_port" <<'END'
#!/usr/bin/env bash
port=$(printf ':%04X [0-9A-F]+:0000 0A ' "$1")
for ((i = 0; i < 200; ++i)); do
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -qE "$port" && exit
  kill -0 "$2" 2>/dev/null || exit
  sleep 0.1
done
END
chmod +x "$usr/bin/wait_for_port"

# snippet FILE: of config/, with $module in the recorder's place. One that does not name the recorder is no snippet.
snippet() {
  grep -qF /usr/local/lib/pkcs11/p11tape.so "$config/$1" || fail "config/$1 does not name the recorder"
  sed "s|/usr/local/lib/pkcs11/p11tape\.so|$module|g" "$config/$1"
}

# commands: those of the page under the heading.
commands() {
  awk -v heading="## $heading" \
    '$0 == heading { found = 1 } found && /^```/ { if (inside) exit; inside = 1; next } inside' "$config/$page"
}

# begin NAME: a folder for the story, which is home and current folder, with a copy of the token. $module is what the
# client's configuration names.
begin() {
  name=$1 story=$work/$1 module=${module-$real}
  mkdir "$story"
  cd "$story"
  find "$usr/lib/pkcs11" -name 'p11*' ! -name p11tape.so -delete # copies with settings of the story before
  export HOME=$story
  cp -a "$work/token" token
  use_token "$story/token"
  cp "$work/certificate" certificate.pem
  (umask 077 && printf '%s' "$pin" >pin)
  port=$(free_port)
  edits=(-e "s|/usr/local|$usr|g" -e "s|/usr/lib/softhsm/libsofthsm2.so|$real|g"
    -e "s/\\b\\(5556\\|4433\\|8443\\)\\b/$port/" -e "s/^sleep 1\$/wait_for_port $port \$!/")
  prepare
}

# edit SED-EXPRESSION...: changes the commands of this story.
edit() {
  local expression
  for expression in "$@"; do edits+=(-e "$expression"); done
}

# play [-e]: runs the commands; what they say is in the file said, how they end in $status.
play() {
  local file
  commands | sed "${edits[@]}" >commands
  [[ -s commands ]] || fail "config/$page has no commands under \"## $heading\""
  for file in "${configuration[@]}"; do cp -pL "$file" "${file##*/}.original"; done
  status=0
  timeout 120 bash -uo pipefail "$@" commands </dev/null >said 2>&1 || status=$?
  [[ $status -ne 124 ]] || fail "$name: the commands did not end: $(cat said)"
  for file in "${configuration[@]}"; do
    cmp "$file" "${file##*/}.original" || fail "$name: after restore $file is not as it was: $(cat said)"
    [[ $(stat -Lc '%a %Y' "$file") == $(stat -Lc '%a %Y' "${file##*/}.original") ]] || fail "$name: $file has another mode or time"
  done
}

# without_secrets FILE...: no PIN is in them.
without_secrets() {
  local secret
  for secret in "${secrets[@]}"; do
    ! grep -alF -e "$secret" "$@" || fail "$name: the files above contain the PIN $secret"
  done
}

# judge STATUS [ARGUMENT...]: diagnoses the tapes, which must end so; $first is the id of the first finding.
judge() {
  local wanted=$1 given=0
  shift
  compgen -G "tapes/*.p11tape" >/dev/null || fail "$name: no tape: $(cat said)"
  p11tape diagnose --json "$@" tapes >answer 2>errors || given=$?
  first=$(/usr/bin/python3 -c 'import json; f = json.load(open("answer"))["findings"]; print(f[0]["id"] if f else "nothing")')
  [[ $given -eq $wanted ]] || fail "$name: p11tape diagnose ended with $given instead of $wanted: $(p11tape diagnose "$@" tapes)
The client had said: $(cat said)"
  p11tape show tapes >shown
  without_secrets answer errors shown tapes/*
}

# healthy [TEXT...]: the README's commands end well, diagnosis included, and the client says these texts.
healthy() {
  local text
  [[ $(commands | wc -l) -le 10 ]] || fail "config/README.md, $heading: more than ten lines"
  begin healthy
  play -e
  [[ $status -eq 0 ]] || fail "the README's commands ended with $status: $(cat commands said)"
  for text in "$@"; do grep -qF -e "$text" said || fail "the client does not say \"$text\": $(cat said)"; done
  judge 0
}

# broken NAME ID [COMMAND...]: the command breaks something; the diagnosis must name it first, as an error, or with
# wanted_status=0 as a warning: where the calls alone do not prove a fault.
broken() {
  local wanted=$2
  begin "$1"
  shift 2
  "$@"
  play
  judge "${wanted_status-1}" "${arguments[@]}"
  [[ $first == "$wanted" ]] || fail "$name: the first finding is $first instead of $wanted: $(p11tape diagnose "${arguments[@]}" tapes)
The client had said: $(cat said)"
}

# doctored NAME ID [COMMAND...]: the command breaks something; the doctor, with $arguments, must name it first: of all that
# it says, errors come before warnings here. With wanted_status=0 as a warning.
doctored() {
  local wanted=$2 given=0
  begin "$1"
  shift 2
  "$@"
  p11tape doctor --json "${arguments[@]}" >answer 2>errors || given=$?
  first=$(/usr/bin/python3 -c 'import json
all = [f for e in json.load(open("answer"))["examined"] for f in e["findings"]]
all.sort(key=lambda f: ["error", "warning", "info"].index(f["severity"]))
print(all[0]["id"] if all else "nothing")')
  [[ $given -eq ${wanted_status-1} && $first == "$wanted" ]] ||
    fail "$name: the doctor ended with $given, and its first finding is $first instead of $wanted: $(p11tape doctor "${arguments[@]}")"
  without_secrets answer errors
}

# by_hand COMMAND...: the snippet as it is, with the recorder in the module's place: the command works, and leaves a tape.
by_hand() {
  local module=$recorder
  begin by-hand
  P11TAPE_MODULE=$real P11TAPE_DIR=$story/tapes "$@" </dev/null >said 2>&1 || fail "$name: ended with $?: $(cat said)"
  judge 0
}

# What may be broken, whatever the client.
wrong_pin() { printf '%s' "$wrong_pin" >pin; }
no_module() { edit 's|P11TAPE_MODULE=[^ ]*|P11TAPE_MODULE=/nowhere/libmodule.so|'; }
empty_token() { rm -r token/*; } # what SoftHSM then shows is not initialised
change() {
  /usr/bin/python3 "$here/story/change_token.py" "$real" "$token_label" "$pin" "$@" || fail "$name: could not change the token"
}
forbid_signing() { change privkey sign=no; }
rename_key() { change privkey label=other; }
remove_certificate() { change cert delete; }
part_key_and_certificate() { change privkey id=0203; }
