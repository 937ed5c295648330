// SPDX-License-Identifier: Apache-2.0
// The other kinds of logs: each is recognised and says what it can.
#include <catch2/catch.hpp>

#include "collected.hpp"

using namespace p11tape::import;
using namespace p11tape::import::test;
using kind = value::kind;

TEST_CASE("pkcs11-logger 2.3 has the module's own time") {
  const collected log(R"(0x00001267 : 0x00007f3a2c0d4740 : ******************************
0x00001267 : 0x00007f3a2c0d4740 : 2026-11-28 17:40:01.100000 - Entered C_GetSlotList
0x00001267 : 0x00007f3a2c0d4740 : Input
0x00001267 : 0x00007f3a2c0d4740 :  tokenPresent: 1
0x00001267 : 0x00007f3a2c0d4740 :  pSlotList: 0x55f0c0d1e010
0x00001267 : 0x00007f3a2c0d4740 :  pulCount: 0x7ffd41d31f80
0x00001267 : 0x00007f3a2c0d4740 :  *pulCount: 4
0x00001267 : 0x00007f3a2c0d4740 : 2026-11-28 17:40:01.123456 - Calling C_GetSlotList
0x00001267 : 0x00007f3a2c0d4740 : 2026-11-28 17:40:01.123556 - Received response from C_GetSlotList
0x00001267 : 0x00007f3a2c0d4740 : Output
0x00001267 : 0x00007f3a2c0d4740 :  pSlotList: 0x55f0c0d1e010
0x00001267 : 0x00007f3a2c0d4740 :  pSlotList[0]: 5
0x00001267 : 0x00007f3a2c0d4740 :  pulCount: 0x7ffd41d31f80
0x00001267 : 0x00007f3a2c0d4740 :  *pulCount: 1
0x00001267 : 0x00007f3a2c0d4740 : 2026-11-28 17:40:01.200000 - Returning 0 (CKR_OK)
)");
  CHECK(log.result.kind->name == "pkcs11-logger");
  CHECK(log.result.unknown_lines == 0);
  const auto& c = log.at("C_GetSlotList");
  CHECK(*c.end - *c.start == 100'000);
  CHECK(c.process == 0x1267);
  CHECK(in(c, "pulCount").number == 4);
  CHECK(out(c, "pSlotList").numbers == std::vector<p11tape::tape::u64>{5});
}

TEST_CASE("pkcs11-logger before 2.3, without prefixes, from 32-bit Windows") {
  const collected log(R"(****************************** 2016-05-02 11:02:33 ***
Calling C_GetAttributeValue
Input
 hSession: 1
 hObject: 2
 pTemplate: 0012FF44
  *** Begin attribute template ***
  Attribute 0
   Attribute: 288 (CKA_MODULUS)
   pValue: 00000000
   ulValueLen: 0
  *** End attribute template ***
 ulCount: 1
Output
 pTemplate: 0012FF44
  *** Begin attribute template ***
  Attribute 0
   Attribute: 288 (CKA_MODULUS)
   pValue: 00000000
   ulValueLen: 4294967295
  *** End attribute template ***
 ulCount: 1
Returning 18 (CKR_ATTRIBUTE_TYPE_INVALID)
)");
  REQUIRE(log.result.kind != nullptr);
  CHECK(log.result.kind->name == "pkcs11-logger");
  const auto& c = log.at("C_GetAttributeValue");
  CHECK(attribute(out(c, "pTemplate"), CKA_MODULUS).length == unavailable);
  CHECK(c.result == CKR_ATTRIBUTE_TYPE_INVALID);
  CHECK(log.result.facts.word_size == 4);
  CHECK(c.start);
}

TEST_CASE("p11-kit: letters of handles, lists, structs") {
  const collected log(R"(C_OpenSession
  IN: slotID = SL18446744073709551615
  IN: flags = 6 = CKF_SERIAL_SESSION | CKF_RW_SESSION
  IN: pApplication = NULL
  IN: Notify = NULL
 OUT: phSession = 0x7FFD41D3 = S17
C_OpenSession = CKR_OK
C_SignInit
  IN: hSession = S17
  IN: pMechanism = {
	mechanism: CKM_RSA_PKCS
	pParameter: (0) NULL
      }
  IN: hKey = H3
C_SignInit = CKR_0x80000123
C_FindObjects
  IN: hSession = S17
  IN: max_object_count = 2
 OUT: object = (2) [ H1, H2 ]
C_FindObjects = CKR_OK
C_WaitForSlotEvent
  IN: flags = 0
)");
  CHECK(log.result.kind->name == "p11-kit");
  CHECK(in(log.at("C_OpenSession"), "slotID").number == unavailable);
  CHECK(in(log.at("C_OpenSession"), "flags").number == 6);
  CHECK(out(log.at("C_OpenSession"), "phSession").number == 17);
  CHECK(in(log.at("C_SignInit"), "pMechanism").number == CKM_RSA_PKCS);
  CHECK(log.at("C_SignInit").result == 0x80000123);
  CHECK(out(log.at("C_FindObjects"), "phObject").numbers.size() == 2);
  CHECK_FALSE(log.at("C_WaitForSlotEvent").result);
}

TEST_CASE("p11-kit: a call behind a program's unended line, flags without their number, templates of types alone") {
  const collected log(R"(C_Initialize
  IN: pInitArgs = {
	CreateMutex: 0x00000000
	flags:  = CKF_OS_LOCKING_OK
	reserved: 0x00000000
      }
C_Initialize = CKR_OK
Signing with an invented key... C_SignInit
  IN: hSession = S1
  IN: pMechanism = {
	mechanism: CKM_ECDSA
	pParameter: (0) NULL
      }
  IN: hKey = H3
C_SignInit = CKR_OK
C_CreateObject
  IN: hSession = S1
  IN: pTemplate = (2) [ CKA_CLASS, CKA_VALUE ]
 OUT: phObject = 0x7FFD41D3 = H4
C_CreateObject = CKR_OK
)");
  CHECK(log.result.unknown_lines == 0);
  // Which other flags were set is not shown.
  CHECK_FALSE(part(in(log.at("C_Initialize"), "pInitArgs"), "flags").known());
  CHECK(in(log.at("C_SignInit"), "hKey").number == 3);
  CHECK(log.cleaned.find("invented") == std::string::npos);
  CHECK_FALSE(attribute(in(log.at("C_CreateObject"), "pTemplate"), CKA_VALUE).length_known);
}

TEST_CASE("libpkcs11shim: parameters without the mechanism in front, and what was asked for") {
  const collected log(R"(
[cnt] 0000000000000000 - C_EncryptInit
[pid] 6669
[ppd] unforked
[tid] 6669
[tic] 2026-11-29 00:24:58.852099
[in ] hSession = 0x1
      pMechanism->type=CKM_AES_CBC_PAD              
[in ] pParameter[ulParameterLen] 000055f241370dc0 / 16
      00000000  01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10  ................
[in ] hKey = 0x2
[toc] 2026-11-29 00:24:58.852202
[lap] 0.000103
[ret] 0 CKR_OK

[cnt] 0000000000000001 - C_DecryptInit
[pid] 6669
[ppd] unforked
[tid] 6669
[tic] 2026-11-29 00:24:58.853099
[in ] hSession = 0x1
      pMechanism->type=CKM_RSA_PKCS_OAEP            
      pMechanism->pParameter->hashAlg=CKM_SHA256                   
      pMechanism->pParameter->mgf=CKG_MGF1_SHA256
      pMechanism->pParameter->source=CKZ_DATA_SPECIFIED
[out] pSourceData[ulSourceDalaLen] 000055c569e4ec65 / 3
      00000000  41 42 43                                         ABC             
[in ] hKey = 0x3
[toc] 2026-11-29 00:24:58.853202
[lap] 0.000103
[ret] 7 CKR_ARGUMENTS_BAD

[cnt] 0000000000000002 - C_GenerateRandom
[pid] 6669
[ppd] unforked
[tid] 6669
[tic] 2026-11-29 00:24:58.854099
[in ] hSession = 0x1
[out] RandomData[ulRandomLen] 00007ffc3d45c690 / 10
      00000000  D5 95 CA A6 ED 2A 46 3B EF D7                    .....*F;..      
[toc] 2026-11-29 00:24:58.854202
[lap] 0.000103
[ret] 0 CKR_OK
)");
  CHECK(log.result.unknown_lines == 0);
  const auto& iv = in(log.at("C_EncryptInit"), "pMechanism").parts.at(0);
  CHECK(iv.bytes.size() == 16);
  const auto& oaep = in(log.at("C_DecryptInit"), "pMechanism").parts.at(0);
  CHECK(part(oaep, "hashAlg").number == CKM_SHA256);
  CHECK(part(oaep, "ulSourceDataLen").number == 3);
  CHECK(in(log.at("C_GenerateRandom"), "ulRandomLen").number == 10);
}

TEST_CASE("logs that name functions and codes alone") {
  const struct {
    const char* kind;
    const char* log;
    p11tape::tape::u64 result;
  } all[] = {
      {"nss", "1024[805ef10]: C_Login\n1024[805ef10]:   hSession = 0x1\n1024[805ef10]: rv = 0xA0\n", 0xa0},
      {"nss",
       "2026-11-28 17:40:01.123456 UTC - [4711:Main Thread]: D/nss_mod_log C_Login\n"
       "2026-11-28 17:40:01.223456 UTC - [4711:Main Thread]: D/nss_mod_log rv = CKR_PIN_INCORRECT\n",
       0xa0},
      {"nshield",
       "2026-11-28 17:40:01 [4711] t7f3a2c0d4740: pkcs11: 00000001 >>   C_Login\n"
       "2026-11-28 17:40:01 [4711] t7f3a2c0d4740: pkcs11: 00000001 >    userType 0x00000001\n"
       "2026-11-28 17:40:02 [4711] t7f3a2c0d4740: pkcs11: 00000001 <    rv 0x000000A0 (CKR_PIN_INCORRECT)\n",
       0xa0},
      {"pkcs11-provider",
       "[2026-11-28 17:40:01.123] [interface.gen.c:123] p11prov_Login(): Calling C_Login\n"
       "[2026-11-28 17:40:01.140] [interface.gen.c:123] p11prov_Login(): Error: 0x000000A0; Error returned by C_Login\n",
       0xa0},
      {"java",
       "Caused by: sun.security.pkcs11.wrapper.PKCS11Exception: CKR_PIN_INCORRECT\n"
       "\tat jdk.crypto.cryptoki/sun.security.pkcs11.wrapper.PKCS11.C_Login(Native Method)\n",
       0xa0},
      {"tpm2-pkcs11",
       "TRACE on line: \"1\" in file: \"src/pkcs11.c\": enter \"C_Login\"\n"
       "TRACE on line: \"1\" in file: \"src/pkcs11.c\": return \"C_Login\" value: 160\n",
       0xa0},
      {"cryptoauthlib", "4711:4712:C_Login:1234:CKR_PIN_INCORRECT(a0)\n", 0xa0},
      {"keychain-pkcs11", "C_Login called\nC_Login returning CKR_PIN_INCORRECT\n", 0xa0},
      {"pkcs11-helper",
       "PKCS#11: __pkcs11h_session_login entry session=1\n"
       "PKCS#11: __pkcs11h_session_login return rv=160-'CKR_PIN_INCORRECT'\n",
       0xa0},
  };
  for (const auto& a : all) {
    CAPTURE(a.kind);
    const collected log(a.log);
    REQUIRE(log.result.kind != nullptr);
    CHECK(log.result.kind->name == a.kind);
    REQUIRE(log.calls.size() == 1);
    CHECK(log.at("C_Login").result == a.result);
    CHECK((log.result.kind->lacking & p11tape::tape::lacks_inputs) != 0);
    const directory folder;
    CHECK(tapes_of(a.log, folder.path).size() == 1);
  }
  const collected yubico(
      "DBG ykcs11.c:1 (C_Sign): In\nDBG ykcs11.c:2 (C_Sign): a word\nDBG ykcs11.c:3 (C_Sign): Out\n");
  CHECK(yubico.result.kind->name == "ykcs11");
  CHECK(yubico.at("C_Sign").result_lost);
}

TEST_CASE("a text that is no log is none") {
  CHECK(collected("Dear all,\n\nC_Login returns an error. What can I do?\n").result.kind == nullptr);
  CHECK(collected("").result.kind == nullptr);
  CHECK(collected(std::string(100000, '\0')).result.kind == nullptr);
}

TEST_CASE("times of logs") {
  const auto parse = [](std::string_view text) {
    scanner s(text);
    return scan_date_time(s).value_or(0);
  };
  CHECK(parse("1970-01-02 00:00:01") == 86401'000'000'000);
  CHECK(parse("2026-11-28 17:40:01.5") == 1795887601'500'000'000);
  CHECK(parse("2026-11-28T17:40:01.123456789Z") == 1795887601'123'456'789);
  CHECK(parse("2026-13-28 17:40:01") == 0);
  CHECK(parse("2026-11-28 17:40:61") == 0);
}

TEST_CASE("the XML of the profiles' test cases") {
  const collected log(R"(<PKCS11>
  <C_Initialize/>
  <C_Initialize rv="OK"/>
  <C_GetSlotList>
    <TokenPresent value="true"/>
    <SlotList length="${SlotList.length}"/>
  </C_GetSlotList>
  <C_GetSlotList rv="OK">
    <SlotList>
      <SlotID value="${SlotList.SlotID[0]}"/>
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
    <Pin value="hunter2hunter2"/>
  </C_Login>
  <C_Login rv="PIN_INCORRECT"/>
  # a remark
  <C_FindObjectsInit>
    <Session value="${Session}"/>
    <Template>
      <Attribute type="CLASS" value="PRIVATE_KEY"/>
      <Attribute type="TOKEN" value="TRUE"/>
      <Attribute type="LABEL" value="invented"/>
    </Template>
  </C_FindObjectsInit>
  <C_FindObjectsInit rv="OK"/>
  <C_SignInit>
    <Session value="${Session}"/>
    <Mechanism>
      <Type value="SHA256_RSA_PKCS"/>
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
    <Signature value="0a0b"/>
  </C_Sign>
</PKCS11>
)");
  REQUIRE(log.result.kind != nullptr);
  CHECK(log.result.kind->name == "oasis-xml");
  CHECK(log.result.unknown_lines == 0);
  const auto slot = out(log.at("C_GetSlotList"), "pSlotList").numbers.at(0);
  CHECK(in(log.at("C_OpenSession"), "slotID").number == slot);
  CHECK(in(log.at("C_OpenSession"), "flags").number == 6);
  CHECK(in(log.at("C_Login"), "hSession").number == out(log.at("C_OpenSession"), "phSession").number);
  CHECK(in(log.at("C_Login"), "userType").number == CKU_USER);
  CHECK(log.at("C_Login").result == CKR_PIN_INCORRECT);
  const auto& wanted = in(log.at("C_FindObjectsInit"), "pTemplate");
  CHECK(attribute(wanted, CKA_CLASS).number == CKO_PRIVATE_KEY);
  CHECK(attribute(wanted, CKA_LABEL).bytes == "invented");
  CHECK(out(log.at("C_GetSlotList"), "pulCount").number == 1);
  CHECK(in(log.at("C_SignInit"), "pMechanism").number == CKM_SHA256_RSA_PKCS);
  CHECK(in(log.at("C_Sign"), "pData").length == 4);
  CHECK(out(log.at("C_Sign"), "pSignature").length == 2);
  CHECK(log.cleaned.find("hunter2") == std::string::npos);
  CHECK(log.cleaned.find("00010203") == std::string::npos);
}

TEST_CASE("lines that OpenSC writes inside a call do not begin another one") {
  const collected log(
      R"(P:43; T:0x139 21:35:39.852 [opensc-pkcs11] framework-pkcs15.c:540:C_GetTokenInfo: C_GetTokenInfo(0)
P:43; T:0x139 21:35:39.852 [opensc-pkcs11] framework-pkcs15.c:605:C_GetTokenInfo: C_GetTokenInfo() auth. object 0x55d3, token-info flags 0x40D
P:43; T:0x139 21:35:39.853 [opensc-pkcs11] framework-pkcs15.c:619:C_GetTokenInfo: C_GetTokenInfo(0) returns CKR_TOKEN_NOT_PRESENT
P:43; T:0x139 21:35:39.854 [opensc-pkcs11] pkcs11-session.c:347:C_Login: C_Login(0x55d3, 1)
P:43; T:0x139 21:35:39.854 [opensc-pkcs11] pkcs11-session.c:369:C_Login: C_Login() slot->login_user -1
P:43; T:0x139 21:35:39.854 [opensc-pkcs11] pkcs11-session.c:380:C_Login: C_Login() userType 1
P:43; T:0x139 21:35:39.854 [opensc-pkcs11] reader-pcsc.c:326:pcsc_transmit: 
Outgoing APDU (11 bytes):
00 20 00 81 06 36 34 38 32 31 39 . ...648219

P:43; T:0x139 21:35:39.854 [opensc-pkcs11] reader-pcsc.c:335:pcsc_transmit: 
Incoming APDU (2 bytes):
90 00 ..

P:43; T:0x139 21:35:39.855 [opensc-pkcs11] pkcs11-session.c:384:C_Login: fLogin() rv 0
P:43; T:0x139 21:35:39.856 [opensc-pkcs11] pkcs11-object.c:377:C_FindObjectsInit: C_FindObjectsInit(slot = 0)
P:43; T:0x139 21:35:39.856 [opensc-pkcs11] pkcs11-object.c:378:C_FindObjectsInit: C_FindObjectsInit(): empty template
)");
  REQUIRE(log.calls.size() == 3);
  CHECK(log.at("C_GetTokenInfo").result == CKR_TOKEN_NOT_PRESENT);
  CHECK(log.at("C_Login").result == 0);
  CHECK(in(log.at("C_Login"), "userType").number == 1);
  CHECK(log.at("C_Login").exchanges.size() == 1);
}

TEST_CASE("structs as parameters of mechanisms in XML") {
  const collected log(R"(<PKCS11>
  <C_SignInit>
    <Session value="${Session}"/>
    <Mechanism>
      <Type value="SHA256_RSA_PKCS_PSS"/>
      <Parameter>
        <HashAlg value="SHA256"/>
        <Mgf value="MGF1_SHA256"/>
        <SLen value="32"/>
      </Parameter>
    </Mechanism>
    <Key value="${Key}"/>
  </C_SignInit>
  <C_SignInit rv="OK"/>
  <C_EncryptInit>
    <Session value="${Session}"/>
    <Mechanism>
      <Type value="AES_GCM"/>
      <Parameter>
        <Iv value="000102030405060708090a0b"/>
        <AAD length="7"/>
        <TagBits value="128"/>
      </Parameter>
    </Mechanism>
    <Key value="${Key}"/>
  </C_EncryptInit>
  <C_EncryptInit rv="OK"/>
  <C_EncryptInit>
    <Session value="${Session}"/>
    <Mechanism>
      <Type value="AES_CBC"/>
      <Parameter value="000102030405060708090a0b0c0d0e0f"/>
    </Mechanism>
    <Key value="${Key}"/>
  </C_EncryptInit>
  <C_EncryptInit rv="OK"/>
</PKCS11>
)");
  CHECK(log.result.unknown_lines == 0);
  const auto& pss = in(log.at("C_SignInit"), "pMechanism").parts.at(0);
  CHECK(part(pss, "hashAlg").number == CKM_SHA256);
  CHECK(part(pss, "mgf").number == CKG_MGF1_SHA256);
  CHECK(part(pss, "sLen").number == 32);
  const auto& gcm = in(log.at("C_EncryptInit"), "pMechanism").parts.at(0);
  CHECK(part(gcm, "pIv").length == 12);
  CHECK(part(gcm, "ulIvLen").number == 12);
  CHECK(part(gcm, "pAAD").what == kind::pointer);
  CHECK(part(gcm, "ulAADLen").number == 7);
  CHECK(part(gcm, "ulTagBits").number == 128);
  CHECK(in(log.at("C_EncryptInit", 1), "pMechanism").parts.at(0).length == 16);
}

TEST_CASE("what OpenSC says of one call says nothing in another that has no place for it") {
  const collected log(R"(P:1; T:0x2 17:40:01.123 [opensc-pkcs11] pkcs11-session.c:347:C_Finalize: C_Finalize()
P:1; T:0x2 17:40:01.123 [opensc-pkcs11] pkcs11-session.c:347:C_Finalize: C_OpenSession handle: 5
P:1; T:0x2 17:40:01.124 [opensc-pkcs11] pkcs11-session.c:347:C_Finalize: returned 3
P:1; T:0x2 17:40:01.125 [opensc-pkcs11] pkcs11-session.c:347:C_OpenSession: C_OpenSession handle: 5
)");
  CHECK(log.result.kind->name == "opensc-debug");
  CHECK(log.at("C_Finalize").out.size() == 1);
  CHECK(out(log.at("C_OpenSession"), "phSession").number == 5);
}
