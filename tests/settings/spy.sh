#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A recipe for OpenSC's pkcs11-spy works when the path of the library is replaced: a log, without secrets, and a tape.
# shellcheck source=tests/settings/lib.sh
source "$(dirname "$0")/lib.sh"

PKCS11SPY=$mock PKCS11SPY_OUTPUT=$work/log P11TAPE_DIR=$tapes "$driver" "$shim" 1 5 >"$work/made" 2>"$work/err"
[[ ! -s $work/err ]] || fail "stderr is not empty: $(cat "$work/err")"
diff <(by_thread <"$work/made") <(/usr/bin/python3 "$here/calls.py" text <"$work/log" | by_thread) || fail "the log (>) does not have the calls (<)"
diff <(by_thread <"$work/made") <(calls_on_tapes | by_thread) || fail "the tape (>) does not have the calls (<)"

PKCS11SPY=$mock P11TAPE_DIR=$tapes "$driver" "$shim" 1 5 >"$work/made" 2>"$work/err"
diff <(by_thread <"$work/made") <(/usr/bin/python3 "$here/calls.py" text <"$work/err" | by_thread) || fail "stderr (>) does not have the calls (<)"

# Without a module nothing is guessed, and it is said what to do.
P11TAPE_DIR=$tapes "$driver" "$shim" 1 5 >/dev/null 2>"$work/err" && fail "the driver ran without a module"
expect_text 'no PKCS#11 module is named (set P11TAPE_MODULE' "$work/err"
expect_text 'CKR_GENERAL_ERROR' "$work/err"
cp "$shim" "$work/p11tape-mine.so"
echo 'keep: 5' >"$work/p11tape-mine.yaml"
P11TAPE_DIR=$tapes "$driver" "$work/p11tape-mine.so" 1 5 >/dev/null 2>"$work/err" && fail "the driver ran without a module"
expect_text "to $work/p11tape-mine.yaml" "$work/err"
echo 'module: [x]' >"$work/p11tape-mine.yaml"
PKCS11SPY=$mock P11TAPE_DIR=$tapes "$driver" "$work/p11tape-mine.so" 1 5 >/dev/null 2>"$work/err" && fail "a wrong module was replaced"
expect_text "p11tape-mine.yaml:1: module: it must be one value, but is a list" "$work/err"
