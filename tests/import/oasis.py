#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: oasis.py P11TAPE

A test case in the XML of the PKCS #11 Profiles is read as a tape and replayed on SoftHSM: the same results. Its mechanism has a
struct as its parameter. The tape of the replay's module, written as XML and read again, can be replayed, too.
"""
import glob, os, subprocess, sys, tempfile

P11TAPE = sys.argv[1]
PIN = "invented-pin-4711"
CASE = """<?xml version="1.0" encoding="UTF-8"?>
<PKCS11>
  <C_Initialize/>
  <C_Initialize rv="OK"/>
  <C_GetSlotList>
    <TokenPresent value="true"/>
    <SlotList length="8"/>
  </C_GetSlotList>
  <C_GetSlotList rv="OK">
    <SlotList>
      <SlotID value="${SlotList.SlotID[0]}"/>
      <SlotID value="${SlotList.SlotID[1]}"/>
    </SlotList>
  </C_GetSlotList>
  <C_OpenSession>
    <SlotID value="${SlotList.SlotID[0]}"/>
    <Flags value="RW_SESSION|SERIAL_SESSION"/>
  </C_OpenSession>
  <C_OpenSession rv="OK">
    <Session value="${Session}"/>
  </C_OpenSession>
  <C_Login>
    <Session value="${Session}"/>
    <UserType value="USER"/>
    <Pin value="${Pin}"/>
  </C_Login>
  <C_Login rv="OK"/>
  <C_FindObjectsInit>
    <Session value="${Session}"/>
    <Template>
      <Attribute type="CLASS" value="PRIVATE_KEY"/>
      <Attribute type="LABEL" value="invented key"/>
    </Template>
  </C_FindObjectsInit>
  <C_FindObjectsInit rv="OK"/>
  <C_FindObjects>
    <Session value="${Session}"/>
    <Object length="4"/>
  </C_FindObjects>
  <C_FindObjects rv="OK">
    <Object>
      <Object value="${Object.Object[0]}"/>
    </Object>
  </C_FindObjects>
  <C_FindObjectsFinal>
    <Session value="${Session}"/>
  </C_FindObjectsFinal>
  <C_FindObjectsFinal rv="OK"/>
  <C_SignInit>
    <Session value="${Session}"/>
    <Mechanism>
      <Type value="SHA256_RSA_PKCS_PSS"/>
      <Parameter>
        <HashAlg value="SHA256"/>
        <Mgf value="MGF1_SHA256"/>
        <SLen value="@salt@"/>
      </Parameter>
    </Mechanism>
    <Key value="${Object.Object[0]}"/>
  </C_SignInit>
  <C_SignInit rv="OK"/>
  <C_Sign>
    <Session value="${Session}"/>
    <Data value="00010203"/>
    <Signature length="256"/>
  </C_Sign>
  <C_Sign rv="OK">
    <Signature length="256"/>
  </C_Sign>
  <C_Logout>
    <Session value="${Session}"/>
  </C_Logout>
  <C_Logout rv="OK"/>
  <C_CloseSession>
    <Session value="${Session}"/>
  </C_CloseSession>
  <C_CloseSession rv="OK"/>
  <C_Finalize/>
  <C_Finalize rv="OK"/>
</PKCS11>
"""
SOFTHSM = (glob.glob("/usr/lib/softhsm/libsofthsm2.so") + glob.glob("/usr/lib/*/softhsm/libsofthsm2.so"))[0]


def run(*command, status=0, **variables):
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


with tempfile.TemporaryDirectory() as folder:
    os.makedirs(f"{folder}/tokens")
    with open(f"{folder}/softhsm.conf", "w", encoding="ascii") as conf:
        conf.write(f"directories.tokendir = {folder}/tokens\n")
    softhsm = {"SOFTHSM2_CONF": f"{folder}/softhsm.conf"}
    run("softhsm2-util", "--init-token", "--free", "--label", "invented", "--so-pin", "invented-so", "--pin", PIN, **softhsm)
    run("pkcs11-tool", "--module", SOFTHSM, "--token-label", "invented", "--login", "--pin", PIN, "--keypairgen", "--key-type", "rsa:2048",
        "--label", "invented key", "--id", "0a", **softhsm)

    def replay(name, text, status=0):
        with open(f"{folder}/{name}.xml", "w", encoding="utf-8") as case:
            case.write(text)
        imported = run(P11TAPE, "import", "-o", f"{folder}/{name}", f"{folder}/{name}.xml")
        assert "not understood" not in imported, imported
        tape = f"{folder}/{name}/{os.listdir(f'{folder}/{name}')[0]}"
        return tape, run(P11TAPE, "replay", "--module", SOFTHSM, "--pin", "user=env:USER_PIN", tape, status=status, USER_PIN=PIN, **softhsm)

    tape, said = replay("case", CASE.replace("@salt@", "32"))
    assert "SAME  12 calls made" in said, said
    exported = run(P11TAPE, "export", "--format", "oasis-xml", tape)
    assert '<SLen value="32"/>' in exported and '<HashAlg value="SHA256"/>' in exported and PIN not in exported, exported
    _, said = replay("again", exported)
    assert "SAME  12 calls made" in said, said
    # A salt that is too long for the key: SoftHSM says so, the case does not.
    _, said = replay("diverging", CASE.replace("@salt@", "300"), status=1)
    assert "DIVERGED" in said and "C_SignInit" in said, said
