#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each block of the README's section "Use it with" has a test here that runs it, and each file of config/ is used by a test.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
sed -n '/^## Use it with/,/^## [^U]/s/^### //p' "$here/../../README.md" >"$work/headings"
[[ $(wc -l <"$work/headings") -ge 15 ]] || fail "the section \"Use it with\" has only these headings: $(cat "$work/headings")"
while read -r heading; do
  grep -qxF -e "heading='$heading'" -e "heading=$heading" "$here"/story/*.sh || fail "README.md, $heading: no test runs these commands"
  [[ $(commands | wc -l) -le 10 ]] || fail "README.md, $heading: more than ten lines"
done <"$work/headings"
for file in "$config"/*; do
  grep -rqF "${file##*/}" "$here" "$here/../unit" "$here/../settings" "$here/../golden" || fail "config/${file##*/} is used by no test"
done
