#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each recipe of config/README.md has a test here that runs it, and each snippet of config/ is used by a test and listed there.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
sed -n 's/^## //p' "$config/README.md" >"$work/headings"
[[ $(wc -l <"$work/headings") -ge 15 ]] || fail "config/README.md has only these headings: $(cat "$work/headings")"
while read -r heading; do
  grep -qxF -e "heading='$heading'" -e "heading=$heading" "$here"/story/*.sh || fail "config/README.md, $heading: no test runs these commands"
  [[ $(commands | wc -l) -le 10 ]] || fail "config/README.md, $heading: more than ten lines"
done <"$work/headings"
for file in "$config"/*; do
  [[ -f $file && $file != *.md ]] || continue
  grep -qF "\`${file##*/}\`" "$config/README.md" || fail "config/README.md does not list ${file##*/}"
  grep -rqF "${file##*/}" "$here" "$here/../unit" "$here/../settings" "$here/../golden" || fail "config/${file##*/} is used by no test"
done
