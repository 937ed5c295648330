# SPDX-License-Identifier: Apache-2.0
# What the tests of this folder share, on top of those of clients/: a client is recorded on a SoftHSM token, and run again on
# the player, with no token and no SoftHSM configuration; then the two runs are held against each other.
# Usage of a test: NAME.sh SHIM PROGRAM PLAYER.
# shellcheck shell=bash
# shellcheck source=tests/clients/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../clients/lib.sh"

player=$(realpath "$3")

skip() {
  printf 'SKIPPED: %s\n' "$*"
  exit 77
}

# record NAME PROFILE COMMAND...: the command runs with $module as its module. Its one tape is $work/NAME.p11tape.
record() {
  local name=$1 profile=$2 folder=$work/$1.recorded module=$shim status=0
  shift 2
  mkdir "$folder"
  (
    cd "$folder"
    export P11TAPE_MODULE=$real P11TAPE_DIR=$folder/tapes P11TAPE_PROFILE=$profile
    with_runtime "$@" >"$folder/stdout.raw" 2>"$folder/stderr.raw" </dev/null
  ) || status=$?
  finish_run "$folder" "$module" "$status"
  [[ $(find "$folder/tapes" -name '*.p11tape' | wc -l) -eq 1 ]] || fail "$name: not one tape: $(ls "$folder/tapes")"
  mv "$folder"/tapes/*.p11tape "$work/$name.p11tape"
}

# play NAME AS COMMAND...: the same on the player, answering from NAME's tape. What it says is kept apart, in player.
play() {
  local tape=$work/$1.p11tape folder=$work/$2.played module=$player status=0
  shift 2
  mkdir "$folder"
  (
    cd "$folder"
    export P11TAPE_PLAY=$tape SOFTHSM2_CONF=/nonexistent/softhsm2.conf
    with_runtime "$@" >"$folder/stdout.raw" 2>"$folder/stderr.raw" </dev/null
  ) || status=$?
  finish_run "$folder" "$module" "$status"
}

# A client, or a function that runs one.
with_runtime() {
  export "${instrumented[@]:1}"
  "$@"
}

# Messages name the module, and the player's own lines come on top: nothing else may differ.
finish_run() {
  local folder=$1 module=$2 status=$3 stream
  for stream in stdout stderr; do
    sed -e "s|$module|MODULE|g" -e "s|$folder|FOLDER|g" -e '/^p11tape-player: /d' "$folder/$stream.raw" >"$folder/$stream"
  done
  grep '^p11tape-player: ' "$folder/stderr.raw" >"$folder/player" || true
  echo "$status" >"$folder/status"
}

# expect_same NAME STATUS: the client behaved on the player as it did on the token.
expect_same() {
  local stream
  [[ $(cat "$work/$1.recorded/status") -eq $2 ]] ||
    fail "$1: the recorded client ended with $(cat "$work/$1.recorded/status"): $(cat "$work/$1.recorded/"std*)"
  for stream in stdout stderr status; do
    cmp -s "$work/$1.recorded/$stream" "$work/$1.played/$stream" || {
      diff -u "$work/$1.recorded/$stream" "$work/$1.played/$stream" >&2 || true
      fail "$1: on the player (+) it does not look as it did on the token (-): $(cat "$work/$1.played/player")"
    }
  done
}

# expect_silence NAME: the player had nothing to say: every answer was on the tape.
expect_silence() {
  [[ ! -s $work/$1.played/player ]] || fail "$1: the player said: $(cat "$work/$1.played/player")"
}

# expect_said NAME TEXT [COUNT]: so many lines of the player's have the text; one if not told.
expect_said() {
  local found
  found=$(grep -cF -e "$2" "$work/$1.played/player" || true)
  [[ $found -eq ${3-1} ]] || fail "$1: \"$2\" was said $found times: $(cat "$work/$1.played/player")"
}
