# SPDX-License-Identifier: Apache-2.0
"""Finds out what a token is and has, and signs twice, in the order that was recorded or, with a fifth argument, in another
one with queries that were not asked then. Prints the same lines, sorted, where it is told the same."""
import sys

import PyKCS11 as p11

module, label, pin, wrong_pin, *other = sys.argv[1:]
lines = []
lib = p11.PyKCS11Lib()
lib.load(module)


def find(session, kind):
    return session.findObjects([(p11.CKA_CLASS, kind)])[0]


def ask(session, what, names, kind):
    got = session.getAttributeValue(find(session, kind), names, allAsBinary=False)
    lines.extend(f"{what} {p11.CKA[name]} {value}" for name, value in zip(names, got))


def sign(session, text):
    key = find(session, p11.CKO_PRIVATE_KEY)
    made = bytes(session.sign(key, text, p11.Mechanism(p11.CKM_SHA256_RSA_PKCS))).hex()
    lines.append(f"signature of {text}: {made}")


def count_low(slot):
    return bool(lib.getTokenInfo(slot).flags & p11.CKF_USER_PIN_COUNT_LOW)


slots = lib.getSlotList(tokenPresent=True)
slot = next(s for s in slots if lib.getTokenInfo(s).label.strip() == label)
if other:
    lib.getInfo(), lib.getSlotInfo(slot), lib.getMechanismList(slot), lib.getSlotList(tokenPresent=False)
    lines.append(f"before: {count_low(slot)}, again: {count_low(slot)}")
    first, second = lib.openSession(slot), lib.openSession(slot)
    first.getSessionInfo()
else:
    lib.getSlotInfo(slot), lib.getMechanismList(slot), lib.getInfo(), lib.getSlotList(tokenPresent=False)
    before = count_low(slot)
    lines.append(f"before: {before}, again: {before}")
    first, second = lib.openSession(slot), lib.openSession(slot)
try:
    first.login(wrong_pin)
except p11.PyKCS11Error as error:
    lines.append(f"wrong PIN: {error}")
lines.append(f"after: {count_low(slot)}")
first.login(pin)

names = [p11.CKA_LABEL, p11.CKA_ID, p11.CKA_KEY_TYPE]
if other:
    second.getSessionInfo(), first.getSessionInfo()
    sign(second, b"two")
    for name in reversed(names):
        ask(second, "private", [name], p11.CKO_PRIVATE_KEY)
    sign(first, b"one")
    ask(first, "public", [p11.CKA_MODULUS], p11.CKO_PUBLIC_KEY)
else:
    sign(first, b"one")
    ask(second, "public", [p11.CKA_MODULUS], p11.CKO_PUBLIC_KEY)
    sign(second, b"two")
    ask(first, "private", names, p11.CKO_PRIVATE_KEY)
print("\n".join(sorted(lines)))
first.logout()
second.closeSession(), first.closeSession()
