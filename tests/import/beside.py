#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: beside.py P11TAPE P11TAPE.SO

One program run is recorded twice: pkcs11-tool calls OpenSC's pkcs11-spy, which calls p11tape.so, which calls SoftHSM. The
imported log must say of each call what our own tape says, or nothing; and exported and imported again, the same.
"""
import glob, os, sys, tempfile

from compare import calls, compare, run

P11TAPE, SHIM = sys.argv[1:3]
PIN = "invented-pin-4711"
# What a p11tape.so that a sanitizer looks at needs in a client.
PRELOAD = os.environ.get("P11TAPE_TEST_PRELOAD")
SANITIZER = {"LD_PRELOAD": PRELOAD, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"} if PRELOAD else {}


def main():
    spy = (glob.glob("/usr/lib/*/pkcs11-spy.so") + glob.glob("/usr/lib/*/pkcs11/pkcs11-spy.so"))[0]
    softhsm = (glob.glob("/usr/lib/softhsm/libsofthsm2.so") + glob.glob("/usr/lib/*/softhsm/libsofthsm2.so"))[0]
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f"{folder}/tokens")
        with open(f"{folder}/softhsm.conf", "w", encoding="ascii") as conf:
            conf.write(f"directories.tokendir = {folder}/tokens\n")
        with open(f"{folder}/data", "wb") as data:
            data.write(bytes(range(32)))
        softhsm_conf = {"SOFTHSM2_CONF": f"{folder}/softhsm.conf"}
        made = run("softhsm2-util", "--init-token", "--free", "--label", "invented", "--so-pin", "invented-so", "--pin", PIN, **softhsm_conf)
        assert made.returncode == 0, made.stderr
        actions = [["--login", "--pin", PIN, "--keypairgen", "--key-type", "EC:prime256v1", "--label", "key", "--id", "0a"],
                   ["--login", "--pin", PIN, "--list-objects"],
                   ["--login", "--pin", PIN, "--sign", "--mechanism", "ECDSA", "--id", "0a", "-i", f"{folder}/data", "-o", f"{folder}/out"],
                   ["--login", "--pin", "a-wrong-pin", "--list-objects"], ["--list-mechanisms"]]
        for n, action in enumerate(actions):
            run("pkcs11-tool", "--module", spy, *action, **SANITIZER, PKCS11SPY=SHIM, PKCS11SPY_OUTPUT=f"{folder}/spy{n}.log",
                P11TAPE_MODULE=softhsm, P11TAPE_DIR=f"{folder}/ours{n}", **softhsm_conf)
            imported = run(P11TAPE, "import", "-o", f"{folder}/theirs{n}", f"{folder}/spy{n}.log")
            assert imported.returncode == 0 and "not understood" not in imported.stdout, imported.stdout + imported.stderr
            ours, theirs = calls(P11TAPE, f"{folder}/ours{n}"), calls(P11TAPE, f"{folder}/theirs{n}")
            assert len(ours) > 3
            compare(theirs, ours, f"imported, {action[-1] if n > 2 else action[3]}")
            with open(f"{folder}/again{n}.log", "w", encoding="utf-8") as again:
                exported = run(P11TAPE, "export", "--format", "spy", f"{folder}/ours{n}")
                again.write(exported.stdout)
            assert exported.returncode == 0 and PIN not in exported.stdout
            imported = run(P11TAPE, "import", "-o", f"{folder}/again{n}", f"{folder}/again{n}.log")
            assert imported.returncode == 0 and "not understood" not in imported.stdout, imported.stdout + imported.stderr
            compare(calls(P11TAPE, f"{folder}/again{n}"), ours, "exported and imported")
            with open(f"{folder}/case{n}.xml", "w", encoding="utf-8") as case:
                exported = run(P11TAPE, "export", "--format", "oasis-xml", f"{folder}/ours{n}")
                case.write(exported.stdout)
            assert exported.returncode == 0 and PIN not in exported.stdout
            imported = run(P11TAPE, "import", "-o", f"{folder}/case{n}", f"{folder}/case{n}.xml")
            assert imported.returncode == 0 and "not understood" not in imported.stdout, imported.stdout + imported.stderr
            compare([{**c, "in": {}, "out": {}} for c in calls(P11TAPE, f"{folder}/case{n}")],
                    [c for c in ours if c["function"] != "C_GetFunctionList"], "written as a test case and imported")
            cleaned = run(P11TAPE, "import", "--clean", f"{folder}/spy{n}.log").stdout
            assert len(cleaned) > 100 and PIN not in cleaned and PIN.encode().hex(" ").upper()[:47] not in cleaned
            with open(f"{folder}/clean{n}.log", "w", encoding="utf-8") as clean:
                clean.write(cleaned)
            run(P11TAPE, "import", "-o", f"{folder}/cleaned{n}", f"{folder}/clean{n}.log")
            compare([{**c, "in": {}, "out": {}} for c in calls(P11TAPE, f"{folder}/cleaned{n}")], theirs, "cleaned and imported")


main()
