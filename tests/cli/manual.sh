#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The manual pages and the completion: a page for every command, in order for troff, each option in it; none is out of date.
# Usage: manual.sh PROGRAM DIRECTORY-OF-THE-BUILD
set -euo pipefail
program=$1 built=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/p11tape-manual.XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

"$program" manual "$work/now"
diff -r "$work/now" "$built" || fail "the pages in $built are not those of this program"
mapfile -t commands < <("$program" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
[[ ${#commands[@]} -ge 12 ]] || fail "only ${#commands[@]} commands"
for command in "${commands[@]}"; do
  page=$work/now/p11tape-$command.1
  [[ -s $page ]] || fail "$command has no page"
  [[ $command != ship ]] || continue # its help is that of a program of its own
  while read -r option; do
    grep -qF -- "$(sed 's/-/\\-/g' <<<"$option")" "$page" || fail "$page does not have $option"
  done < <("$program" "$command" --help | grep -oE '^  (-[a-zA-Z],)?--[a-z-]+' | grep -oE -- '--[a-z-]+' | grep -vx -- --version)
  grep -q "$command" "$work/now/p11tape.bash" || fail "bash does not complete $command"
done
if command -v groff >/dev/null; then
  for page in "$work"/now/*.1; do
    warnings=$(groff -man -Tutf8 -ww -z "$page" 2>&1) || fail "$page: $warnings"
    [[ -z $warnings ]] || fail "$page: $warnings"
  done
fi
bash -n "$work/now/p11tape.bash"
# The completion as bash asks for it.
answer=$(bash -c 'source "$1"; COMP_WORDS=(p11tape sho); COMP_CWORD=1; _p11tape; echo "${COMPREPLY[*]}"' - "$work/now/p11tape.bash")
[[ $answer == show ]] || fail "sho is completed to: $answer"
answer=$(bash -c 'source "$1"; COMP_WORDS=(p11tape show --onel); COMP_CWORD=2; _p11tape; echo "${COMPREPLY[*]}"' - "$work/now/p11tape.bash")
[[ $answer == --oneline ]] || fail "--onel is completed to: $answer"
