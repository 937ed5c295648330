# SPDX-License-Identifier: Apache-2.0
"""Changes objects of a token, to break it: change_token.py MODULE LABEL PIN CLASS CHANGE, where CLASS is cert, pubkey or
privkey, and CHANGE is label=TEXT, id=HEX, sign=no or delete."""
import sys

import PyKCS11 as p11

CLASSES = {"cert": p11.CKO_CERTIFICATE, "pubkey": p11.CKO_PUBLIC_KEY, "privkey": p11.CKO_PRIVATE_KEY}


def attribute(change):
    name, value = change.split("=")
    if name == "label":
        return p11.CKA_LABEL, value
    if name == "id":
        return p11.CKA_ID, tuple(bytes.fromhex(value))
    return {"sign": p11.CKA_SIGN}[name], value == "yes"


def main(module, label, pin, kind, change):
    lib = p11.PyKCS11Lib()
    lib.load(module)
    slot = next(s for s in lib.getSlotList(tokenPresent=True) if lib.getTokenInfo(s).label.strip() == label)
    session = lib.openSession(slot, p11.CKF_SERIAL_SESSION | p11.CKF_RW_SESSION)
    session.login(pin)
    found = session.findObjects([(p11.CKA_CLASS, CLASSES[kind])])
    assert found, "no such object"
    for each in found:
        if change == "delete":
            session.destroyObject(each)
        else:
            session.setAttributeValue(each, [attribute(change)])


main(*sys.argv[1:])
