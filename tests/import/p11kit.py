#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: p11kit.py P11TAPE P11TAPE.SO

p11tool calls p11-kit, which logs the calls and makes them of p11tape.so, which calls SoftHSM. The imported log must say of each
call what our own tape says, or nothing.
"""
import glob, os, sys, tempfile

from compare import calls, compare, run

P11TAPE, SHIM = (os.path.abspath(path) for path in sys.argv[1:3])
PIN = "invented-pin-4711"
TOKEN = "pkcs11:token=invented"
ACTIONS = [
    ["--list-tokens"],
    ["--login", "--generate-privkey=rsa", "--bits=2048", "--label=signer", "--outfile=/dev/null", TOKEN],
    ["--login", "--list-all", TOKEN],
    ["--login", "--test-sign", TOKEN + ";object=signer;type=private"],
    ["--list-mechanisms", TOKEN],
    ["--generate-random=16", TOKEN],
    ["--login", "--write", "--secret-key=00112233445566778899aabbccddeeff", "--label=secret", TOKEN],
    ["--login", "--set-id=0102", TOKEN + ";object=signer;type=private"],
    ["--login", "--delete", TOKEN + ";object=secret"],
    ["--so-login", "--initialize-pin", TOKEN],
    ["--login", "--list-all", TOKEN],
]


def main():
    # p11-kit reads no user's files in programs of root, so root is somebody else here.
    as_user = ["unshare", "--map-user=1000", "--map-group=1000", "--"] if os.geteuid() == 0 else []
    if run("which", "p11tool").returncode != 0 or (as_user and run(*as_user, "true").returncode != 0):
        print("skipped: this needs p11tool, and as root user namespaces")
        sys.exit(77)
    softhsm = (glob.glob("/usr/lib/softhsm/libsofthsm2.so") + glob.glob("/usr/lib/*/softhsm/libsofthsm2.so"))[0]
    os.environ.pop("XDG_CONFIG_HOME", None)
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f"{folder}/.config/pkcs11/modules")
        os.makedirs(f"{folder}/tokens")
        with open(f"{folder}/.config/pkcs11/pkcs11.conf", "w", encoding="ascii") as conf:
            conf.write("user-config: only\n")
        with open(f"{folder}/.config/pkcs11/modules/tape.module", "w", encoding="ascii") as module:
            module.write(f"module: {SHIM}\nlog-calls: yes\n")
        with open(f"{folder}/softhsm.conf", "w", encoding="ascii") as conf:
            conf.write(f"directories.tokendir = {folder}/tokens\n")
        surroundings = {"SOFTHSM2_CONF": f"{folder}/softhsm.conf", "HOME": folder, "LC_ALL": "C", "P11TAPE_MODULE": softhsm}
        made = run("softhsm2-util", "--init-token", "--free", "--label", "invented", "--so-pin", "invented-so", "--pin", PIN, **surroundings)
        assert made.returncode == 0, made.stderr
        for n, action in enumerate(ACTIONS):
            wrong = n + 1 == len(ACTIONS)
            pins = {"GNUTLS_PIN": "a-wrong-pin" if wrong else PIN, "GNUTLS_SO_PIN": "invented-so", "GNUTLS_NEW_PIN": PIN}
            done = run(*as_user, "p11tool", "--batch", *action, P11TAPE_DIR=f"{folder}/ours{n}", **pins, **surroundings)
            assert (done.returncode != 0) == wrong, (action, done.stdout, done.stderr)
            assert pins["GNUTLS_PIN"] in done.stderr or "--login" not in action, "the log has no PIN in it any more"
            with open(f"{folder}/{n}.log", "w", encoding="utf-8") as log:
                log.write(done.stderr)
            imported = run(P11TAPE, "import", "-o", f"{folder}/theirs{n}", f"{folder}/{n}.log")
            assert imported.returncode == 0, imported.stdout + imported.stderr
            # p11-kit initialises a module by itself, and does not log that it asked for the list of functions.
            ours = [c for c in calls(P11TAPE, f"{folder}/ours{n}") if c["function"] != "C_GetFunctionList"]
            assert len(ours) > 3
            theirs = calls(P11TAPE, f"{folder}/theirs{n}")
            compare(theirs, ours, action[0] if len(action) == 1 else action[1])
            cleaned = run(P11TAPE, "import", "--clean", f"{folder}/{n}.log").stdout
            assert len(cleaned) > 100 and pins["GNUTLS_PIN"] not in cleaned and "invented-so" not in cleaned
            with open(f"{folder}/clean{n}.log", "w", encoding="utf-8") as clean:
                clean.write(cleaned)
            imported = run(P11TAPE, "import", "-o", f"{folder}/cleaned{n}", f"{folder}/clean{n}.log")
            assert imported.returncode == 0 and "not understood" not in imported.stdout, imported.stdout + imported.stderr
            compare([{**c, "in": {}, "out": {}} for c in calls(P11TAPE, f"{folder}/cleaned{n}")], theirs, "cleaned and imported")


main()
