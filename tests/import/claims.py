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

    # Calls of one second, in a log without ends: each ends before the next one begins. The list of objects is as long as the
    # call says, whatever lies in the rest of the buffer; what counts the room at a NULL pointer is nothing.
    with open(f"{folder}/second.log", "w", encoding="ascii") as log:
        for n in range(600):
            log.write("****************************** 2026-11-29 00:24:53 ***\n")
            if n % 2 == 0:
                log.write("Calling C_FindObjects\nInput\n hSession: 1\n phObject: 0x7ffd1000\n ulMaxObjectCount: 2\n"
                          " pulObjectCount: 0x7ffd1008\nOutput\n phObject: 0x7ffd1000\n phObject[0]: 5\n phObject[1]: 6\n"
                          f" pulObjectCount: 0x7ffd1008\n *pulObjectCount: {n % 4 // 2}\nReturning 0 (CKR_OK)\n")
            else:
                log.write("Calling C_Digest\nInput\n hSession: 1\n pData: 0x7ffd1000\n ulDataLen: 1\n pDigest: (nil)\n"
                          " pulDigestLen: 0x7ffd1008\n *pulDigestLen: 140731608251040\nOutput\n pDigest: (nil)\n"
                          " pulDigestLen: 0x7ffd1008\n *pulDigestLen: 16\nReturning 0 (CKR_OK)\n")
    run("import", "-o", f"{folder}/second", f"{folder}/second.log")
    seen = calls(f"{folder}/second")
    assert [call["function"] for call in seen] == ["C_FindObjects", "C_Digest"] * 300
    for n, call in enumerate(seen):
        assert call["state"] == "returned" and call["time"].startswith("2026-11-29T00:24:53.00000"), call
        if n % 2 == 0:
            assert [o["value"] for o in call["out"]["phObject"]["items"]] == [5] * (n % 4 // 2), call
        else:
            assert call["in"]["pulDigestLen"] == {"recorded": False} and call["out"]["pulDigestLen"] == {"value": 16}, call
    # How much was asked for is not in pkcs11-spy's log of a failed C_GenerateRandom.
    with open(f"{folder}/random.log", "w", encoding="ascii") as log:
        log.write("0: C_GenerateRandom\n2026-11-29 00:24:53.000\n[in] hSession = 0x1\nReturned:  5 CKR_GENERAL_ERROR\n")
    run("import", "-o", f"{folder}/random", f"{folder}/random.log")
    assert "room" not in calls(f"{folder}/random")[0]["in"]["RandomData"]
