# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts of this folder, which source it: where things are, how they speak, how they build.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export LC_ALL=C.UTF-8

# A step, said before it is done, so that a slow one is not a silent one.
say() { printf '\n==> %s\n' "$*"; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 2
}

# The leading comment of the calling script is its help: one text, not two that drift apart.
help_if_asked() {
  case "${1-}" in
    -h | --help)
      sed -n '2,/^[^#]/{/^#/!d;/SPDX-License-Identifier/d;s/^# \{0,1\}//;p;}' "$0"
      exit 0
      ;;
  esac
}

# jobs: how many processes to build and test with.
jobs() { nproc 2>/dev/null || echo 2; }

# build PRESET [TARGET...]: configures and compiles; without a target, everything.
build() {
  local preset=$1
  shift
  say "Building (preset $preset$([[ $# -eq 0 ]] || printf ': %s' "$*"))"
  # Presets are looked up in the current folder.
  (
    cd "$root" || exit
    cmake --preset "$preset" >/dev/null
    cmake --build --preset "$preset" --parallel "$(jobs)" ${1+--target "$@"}
  )
}
