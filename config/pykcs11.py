# SPDX-License-Identifier: Apache-2.0
"""PyKCS11, recorded by p11tape: signs with a key of a token.

    export P11TAPE_MODULE=/usr/lib/softhsm/libsofthsm2.so P11TAPE_DIR=/tmp/tapes PIN=...
    PYKCS11LIB=/usr/local/lib/pkcs11/p11tape.so python3 pykcs11.py TOKEN-LABEL KEY-LABEL

load() takes the path of the module; the default is that of the environment variable PYKCS11LIB.
"""
import os
import sys

import PyKCS11 as p11

token, key = sys.argv[1:]
lib = p11.PyKCS11Lib()
lib.load()
slots = [s for s in lib.getSlotList(tokenPresent=True) if lib.getTokenInfo(s).label.strip() == token]
if not slots:
    sys.exit(f"token {token} not found")
session = lib.openSession(slots[0], p11.CKF_SERIAL_SESSION)
session.login(os.environ["PIN"])
keys = session.findObjects([(p11.CKA_CLASS, p11.CKO_PRIVATE_KEY), (p11.CKA_LABEL, key)])
if not keys:
    sys.exit(f"key {key} not found")
signature = session.sign(keys[0], b"text", p11.Mechanism(p11.CKM_SHA256_RSA_PKCS))
print(f"signed: {len(signature)} bytes")
session.closeSession()
