#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: claims.py P11TAPE

What a log does not show, no command claims: results, durations, times and arguments of imported tapes.
"""
import json, os, subprocess, sys, tempfile

P11TAPE = sys.argv[1]
HERE = os.path.dirname(os.path.abspath(__file__))
NAMES_ALONE = """DBG ykcs11.c:1 (C_OpenSession): In
DBG ykcs11.c:2 (C_OpenSession): Out
DBG ykcs11.c:3 (C_Sign): In
DBG ykcs11.c:4 (C_Sign): Out
DBG ykcs11.c:5 (C_CloseSession): In
DBG ykcs11.c:6 (C_CloseSession): Out
"""


def run(*command, status=0):
    done = subprocess.run([P11TAPE, *command], capture_output=True, text=True, check=False)
    assert done.returncode == status, (command, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr if status else done.stdout


def calls(folder):
    lines = [json.loads(line) for line in run("show", "--json", folder).splitlines()]
    return [line for line in lines if line.get("kind") == "call"]


with tempfile.TemporaryDirectory() as folder:
    with open(f"{folder}/names.log", "w", encoding="ascii") as log:
        log.write(NAMES_ALONE)
    run("import", "-o", f"{folder}/names", f"{folder}/names.log")
    for call in calls(f"{folder}/names"):
        assert call["state"] == "result_lost", call
        for key in ("rv", "duration_ns", "time", "out"):
            assert key not in call, (key, call)
        for name, value in call["in"].items():
            assert value == {"unknown": True}, (name, value)
    shown = run("show", f"{folder}/names")
    assert "CKR_OK" not in shown and "1970" not in shown and "process 0" not in shown, shown
    assert "# imported from ykcs11" in shown.split("1: C_OpenSession")[0], shown
    assert "Returned: unknown: the log does not show it" in shown and "slotID = not shown by the log" in shown, shown
    oneline = run("show", "--oneline", f"{folder}/names")
    assert "1970" not in oneline and " ns" not in oneline and "CKR_OK" not in oneline, oneline
    rows = run("query", "--format", "csv", "SELECT rv, duration_ns, time, time_ns, slot, session FROM calls", f"{folder}/names")
    assert rows.splitlines()[1:] == [",,,0,,"] * 3, rows
    assert run("export", "--format", "otlp", f"{folder}/names") == ""
    assert "does not show how long calls took" in run("profile", f"{folder}/names", status=2)

    # pkcs11-spy has arguments, results and start times, and no ends.
    run("import", "-o", f"{folder}/spy", f"{HERE}/logs/spy-0.23.0.log")
    for call in calls(f"{folder}/spy"):
        assert "duration_ns" not in call and "time" in call and call["rv"]["name"] == "CKR_OK", call
    assert run("query", "--format", "csv", "SELECT count(duration_ns) FROM calls", f"{folder}/spy") == "count(duration_ns)\n0\n"
    # libpkcs11shim has ends, too.
    run("import", "-o", f"{folder}/shim", f"{HERE}/logs/shim-1.9.log")
    assert all("duration_ns" in call for call in calls(f"{folder}/shim"))
