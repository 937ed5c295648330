# SPDX-License-Identifier: Apache-2.0
"""A small user of a PKCS#11 module through PyKCS11: looks around, makes a key, signs, encrypts, gets a PIN wrong."""
import sys

import PyKCS11 as p11


def main(module, label, pin, wrong_pin):
    lib = p11.PyKCS11Lib()
    lib.load(module)
    slot = next(s for s in lib.getSlotList(tokenPresent=True) if lib.getTokenInfo(s).label.strip() == label)
    print(lib.getInfo())
    print(lib.getSlotInfo(slot))
    print(len(lib.getMechanismList(slot)), "mechanisms")

    session = lib.openSession(slot, p11.CKF_SERIAL_SESSION | p11.CKF_RW_SESSION)
    try:
        session.login(wrong_pin)
    except p11.PyKCS11Error as error:
        print("wrong PIN:", error)
    session.login(pin)

    private = session.findObjects([(p11.CKA_CLASS, p11.CKO_PRIVATE_KEY), (p11.CKA_LABEL, "signer")])[0]
    names = [p11.CKA_LABEL, p11.CKA_ID, p11.CKA_KEY_TYPE, p11.CKA_SENSITIVE, p11.CKA_PRIVATE_EXPONENT]
    print(session.getAttributeValue(private, names, allAsBinary=False))
    print(bytes(session.sign(private, b"to be signed", p11.Mechanism(p11.CKM_SHA256_RSA_PKCS))).hex())

    secret = session.generateKey(
        [(p11.CKA_TOKEN, p11.CK_FALSE), (p11.CKA_VALUE_LEN, 32), (p11.CKA_ENCRYPT, p11.CK_TRUE),
         (p11.CKA_DECRYPT, p11.CK_TRUE)], p11.Mechanism(p11.CKM_AES_KEY_GEN))
    mechanism = p11.Mechanism(p11.CKM_AES_CBC_PAD, b"\0" * 16)
    sealed = session.encrypt(secret, b"some text", mechanism)
    print(bytes(session.decrypt(secret, sealed, mechanism)))

    session.logout()
    session.closeSession()
    lib.lib.C_Finalize()


main(*sys.argv[1:])
