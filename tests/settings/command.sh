#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# p11tape settings: the default file, and what counts for a program.
# shellcheck source=tests/settings/lib.sh
source "$(dirname "$0")/lib.sh"

diff "$here/../../config/p11tape.yaml" <("$program" settings --example) ||
  fail "config/p11tape.yaml is not what the rows of settings.def say (>): p11tape settings --example makes it"
# With the # taken away, it is a settings file in which nothing is wrong.
cp "$shim" "$work/p11tape.so"
sed -E 's/^#([a-z_.]+:|  )/\1/' "$here/../../config/p11tape.yaml" >"$work/p11tape.yaml"
"$program" settings --shim "$work/p11tape.so" --as java >"$work/out" || fail "$(cat "$work/out")"
expect_text "settings file $work/p11tape.yaml" "$work/out"
grep -qE "sample_polls +100 +$work/p11tape.yaml:[0-9]+" "$work/out" || fail "$(cat "$work/out")"
[[ $(grep -cE ' default$' "$work/out") -eq 0 ]] || fail "not every setting is in the file: $(cat "$work/out")"

echo 'kep: 5' >"$work/p11tape.yaml"
P11TAPE_MODULE=$mock "$program" settings --shim "$work/p11tape.so" >"$work/out" && fail "a wrong setting is no finding"
expect_text "p11tape.yaml:1: kep: unknown setting (did you mean \`keep\`?)" "$work/out"
grep -qE "module +$mock +P11TAPE_MODULE" "$work/out" || fail "$(cat "$work/out")"

# The tape says it, too.
P11TAPE_MODULE=$mock P11TAPE_DIR=$tapes P11TAPE_NAME='{module}-{program}-{uid}-{ppid}-{host}-{shim}' \
  "$driver" "$work/p11tape.so" 1 1 >/dev/null 2>"$work/err"
expect_text "p11tape.yaml:1: kep: unknown setting" "$work/err"
[[ $(grep -c . "$work/err") -eq 1 ]] || fail "said more than once: $(cat "$work/err")"
tape=$tapes/p11tape-mock-settings-driver-$(id -u)-$$-$(uname -n)-p11tape.p11tape
[[ -e $tape ]] || fail "there is no $tape, but $(ls "$tapes")"
grep -aq "^note=$work/p11tape.yaml:1: kep: unknown setting" "$tape" || fail "the tape does not say what is wrong"
grep -aqx "setting.module.from=P11TAPE_MODULE" "$tape" || fail "the tape does not say where the module's path came from"
