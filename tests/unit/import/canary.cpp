// SPDX-License-Identifier: Apache-2.0
// A secret stands wherever a log of each kind can hold one. Neither the tapes nor the cleaned log may hold any of it.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>

#include "collected.hpp"
#include "scrub/search.hpp"

using namespace p11tape::import;
using namespace p11tape::import::test;

namespace {

const std::string canary = "c4nary:Kq7!vXz0";

std::string hex(std::string_view between) {
  std::string out;
  char two[4];
  for (const unsigned char c : canary) {
    std::snprintf(two, sizeof two, "%02X", c);
    out += two;
    out += between;
  }
  return out;
}

std::string replaced(std::string log) {
  const auto put = [&](std::string_view mark, const std::string& by) {
    for (std::size_t at = 0; (at = log.find(mark, at)) != std::string::npos; at += by.size())
      log.replace(at, mark.size(), by);
  };
  put("@begin ", hex(" ").substr(0, 33));
  put("@end ", hex(" ").substr(33));
  put("@hex ", hex(" "));
  put("@hex", hex(""));
  put("@dump", "    00000000  " + hex(" ") + "   " + canary);
  put("@text", canary);
  return log;
}

struct log_of_kind {
  const char* kind;
  const char* text;
};

// 15 bytes: the length of the canary.
const log_of_kind logs[] = {
    {"pkcs11-spy", R"(
0: C_Login
[in] hSession = 0x1
[in] userType = CKU_USER
[in] pPin[ulPinLen] 00007ffd41d31f80 / 15
@dump
Returned:  0 CKR_OK

1: C_SetPIN
[in] hSession = 0x1
[in] pOldPin[ulOldLen] 00007ffd41d31f80 / 15
@dump
[in] pNewPin[ulNewLen] 00007ffd41d31f80 / 15
@dump
Returned:  0 CKR_OK

2: C_Decrypt
[in] hSession = 0x1
[in] pEncryptedData[ulEncryptedDataLen] 00007ffd41d31f80 / 15
@dump
[out] pData[*pulDataLen] 00007ffd41d31f80 / 15
@dump
Returned:  0 CKR_OK

3: C_CreateObject
[in] hSession = 0x1
[in] pTemplate[3]: 
    CKA_CLASS             CKO_SECRET_KEY           
    CKA_VALUE             000055f0c0d1e010 / 15
@dump
    CKA_PRIME_1           000055f0c0d1e010 / 15
@dump
[out] *phObject = 0x5
Returned:  0 CKR_OK

4: C_GenerateRandom
[in] hSession = 0x1
[out] RandomData[ulRandomLen] 00007ffd41d31f80 / 15
@dump
Returned:  0 CKR_OK

5: C_EncryptInit
[in] hSession = 0x1
[in] pMechanism->type = CKM_PKCS5_PBKD2
[in] pMechanism->pParameter[ulParameterLen] 00007ffd41d31f80 / 15
@dump
[in] hKey = 0x5
the module logs: pin @text
Returned:  0 CKR_OK
)"},
    {"pkcs11-logger", R"(0x00000001 : 0x0000000000000002 : ******************************
0x00000001 : 0x0000000000000002 : 2026-11-28 17:40:01.123456 - Entered C_Login
0x00000001 : 0x0000000000000002 : Input
0x00000001 : 0x0000000000000002 :  hSession: 1
0x00000001 : 0x0000000000000002 :  userType: 1 (CKU_USER)
0x00000001 : 0x0000000000000002 :  pPin: 0x55f0c0d1e010
0x00000001 : 0x0000000000000002 :  *pPin: @text
0x00000001 : 0x0000000000000002 :  ulPinLen: 15
0x00000001 : 0x0000000000000002 : 2026-11-28 17:40:01.123456 - Calling C_Login
0x00000001 : 0x0000000000000002 : 2026-11-28 17:40:01.123456 - Received response from C_Login
0x00000001 : 0x0000000000000002 : 2026-11-28 17:40:01.123456 - Returning 0 (CKR_OK)
0x00000001 : 0x0000000000000002 : 2026-11-28 17:40:01.123456 - Entered C_CreateObject
0x00000001 : 0x0000000000000002 : Input
0x00000001 : 0x0000000000000002 :  hSession: 1
0x00000001 : 0x0000000000000002 :  pTemplate: 0x55f0c0d1e010
0x00000001 : 0x0000000000000002 :   *** Begin attribute template ***
0x00000001 : 0x0000000000000002 :   Attribute 0
0x00000001 : 0x0000000000000002 :    Attribute: 17 (CKA_VALUE)
0x00000001 : 0x0000000000000002 :    pValue: 0x55f0c0d1e010
0x00000001 : 0x0000000000000002 :    ulValueLen: 15
0x00000001 : 0x0000000000000002 :    *pValue: HEX(@hex)
0x00000001 : 0x0000000000000002 :   *** End attribute template ***
0x00000001 : 0x0000000000000002 : a line that nobody knows: @text
0x00000001 : 0x0000000000000002 : 2026-11-28 17:40:01.123456 - Returning 0 (CKR_OK)
0x00000001 : 0x0000000000000002 : 2026-11-28 17:40:01.123456 - Entered C_DecryptInit
0x00000001 : 0x0000000000000002 : Input
0x00000001 : 0x0000000000000002 :  hSession: 1
0x00000001 : 0x0000000000000002 :  pMechanism: 0x55f0c0d1e010
0x00000001 : 0x0000000000000002 :   mechanism: 4194304 (CKM_X)
0x00000001 : 0x0000000000000002 :   pParameter: 0x55f0c0d1e010
0x00000001 : 0x0000000000000002 :  *pParameter: HEX(@hex)
0x00000001 : 0x0000000000000002 :   ulParameterLen: 15
0x00000001 : 0x0000000000000002 :  hKey: 5
0x00000001 : 0x0000000000000002 : 2026-11-28 17:40:01.123456 - Returning 0 (CKR_OK)
)"},
    {"libpkcs11shim", R"(
[cnt] 0000000000000000 - C_Login
[pid] 1
[ppd] unforked
[tid] 1
[tic] 2026-11-28 17:40:01.123456
[in ] hSession = 0x1
[in ] userType = CKU_USER
[in ] pPin[ulPinLen] 00007ffd41d31f80 / 15
  @dump
[toc] 2026-11-28 17:40:01.123457
[lap] 0.000001
[ret] 0 CKR_OK
)"},
    {"p11-kit", R"(C_Login
  IN: hSession = S1
  IN: userType = CKU_USER
  IN: pPin = (15) "@text"
C_Login = CKR_OK
C_Encrypt
  IN: hSession = S1
  IN: pData = (15) "@text"
 OUT: pEncryptedData = (15) "@text"
C_Encrypt = CKR_OK
C_GetAttributeValue
  IN: hSession = S1
  IN: hObject = H1
  IN: pTemplate = (1) [ CKA_PRIME_1 ]
 OUT: pTemplate = (1) [ { CKA_PRIME_1 = (15) "@text" } ]
C_GetAttributeValue = CKR_OK
)"},
    {"opensc-debug",
     R"(P:1; T:0x2 17:40:01.123 [opensc-pkcs11] pkcs11-session.c:347:C_Login: C_Login(0x55d0, 1)
P:1; T:0x2 17:40:01.124 [opensc-pkcs11] pkcs15-pin.c:300:sc_pkcs15_verify_pin: PIN value is @text
P:1; T:0x2 17:40:01.125 [opensc-pkcs11] reader-pcsc.c:323:pcsc_transmit: 
Outgoing APDU (20 bytes):
00 20 00 81 0F @begin . ...
@end .
P:1; T:0x2 17:40:01.125 [opensc-pkcs11] reader-pcsc.c:335:pcsc_transmit: 
Incoming APDU (17 bytes):
@hex 63 ................
C2 .
P:1; T:0x2 17:40:01.126 [opensc-pkcs11] pkcs11-session.c:384:C_Login: fLogin() rv 160
P:1; T:0x2 17:40:01.127 [opensc-pkcs11] pkcs11-session.c:453:C_InitPIN: C_InitPIN() called, pin '@text'
P:1; T:0x2 17:40:01.127 [opensc-pkcs11] pkcs11-object.c:118:C_CreateObject: C_CreateObject(): CKA_VALUE = @hex
)"},
    {"nss", R"(1024[805ef10]: C_Login
1024[805ef10]:   pPin = 0x7ffd00001000
1024[805ef10]: a word: @text
1024[805ef10]: rv = CKR_OK
1024[805ef10]: C_CreateObject
1024[805ef10]:   pTemplate = 0x7ffd00001000
1024[805ef10]:     CKA_VALUE = 0x@hex [15]
1024[805ef10]:     CKA_PRIVATE_EXPONENT = "@text" [15]
1024[805ef10]: rv = CKR_OK
)"},
    {"nshield", R"(2026-11-28 17:40:01 [4711] t7f3a: pkcs11: 00000001 >>   C_Login
2026-11-28 17:40:01 [4711] t7f3a: pkcs11: 00000001 >    pPin @text
2026-11-28 17:40:01 [4711] t7f3a: pkcs11: 00000001 D    the passphrase is @text
2026-11-28 17:40:02 [4711] t7f3a: pkcs11: 00000001 <    rv 0x000000A0 (CKR_PIN_INCORRECT)
)"},
    {"pkcs11-provider", R"([2026-11-28 17:40:01.123] [interface.gen.c:123] p11prov_Login(): Calling C_Login
[2026-11-28 17:40:01.123] [util.c:1] p11prov_uri(): pin-value=@text
[2026-11-28 17:40:01.140] [interface.gen.c:123] p11prov_Login(): Error: 0x000000A0; Error returned by C_Login
)"},
    {"java", R"(Caused by: sun.security.pkcs11.wrapper.PKCS11Exception: CKR_PIN_INCORRECT @text
    at jdk.crypto.cryptoki/sun.security.pkcs11.wrapper.PKCS11.C_Login(Native Method)
keystore password: @text
)"},
    {"ykcs11", "DBG ykcs11.c:1 (C_Login): In\nDBG ykcs11.c:2 (C_Login): pin @text\nDBG ykcs11.c:3 (C_Login): Out\n"},
    {"tpm2-pkcs11", R"(TRACE on line: "1" in file: "src/pkcs11.c": enter "C_Login"
TRACE on line: "2" in file: "src/token.c": auth value @text
TRACE on line: "1" in file: "src/pkcs11.c": return "C_Login" value: 160
)"},
    {"pkcs11-helper", R"(PKCS#11: __pkcs11h_session_login entry pin='@text'
PKCS#11: __pkcs11h_session_login return rv=160-'CKR_PIN_INCORRECT'
PKCS#11: the PIN is @text
)"},
    {"cryptoauthlib", "4711:4712:C_Login:1234:CKR_PIN_INCORRECT(a0)\nthe password is @text\n"},
    {"keychain-pkcs11", "C_Login called\nC_Login: PIN is @text\nC_Login returning CKR_PIN_INCORRECT\n"},
    {"oasis-xml", R"(<PKCS11>
  <C_Login>
    <Session value="${Session}"/>
    <UserType value="USER"/>
    <Pin value="@text"/>
  </C_Login>
  <C_Login rv="OK"/>
  <C_CreateObject>
    <Session value="${Session}"/>
    <Template>
      <Attribute type="CLASS" value="SECRET_KEY"/>
      <Attribute type="VALUE" value="@hex"/>
    </Template>
  </C_CreateObject>
  <C_CreateObject rv="OK"/>
  <C_DeriveKey>
    <Session value="${Session}"/>
    <Mechanism>
      <Type value="ECDH1_DERIVE"/>
      <Parameter>
        <SharedData value="@hex"/>
      </Parameter>
    </Mechanism>
  </C_DeriveKey>
  <C_DeriveKey rv="OK"/>
</PKCS11>
)"},
};

// Where secrets stand more rarely, and as people write them.
const log_of_kind odd_logs[] = {
    {"pkcs11-spy", R"(
0: C_InitToken
[in] slotID = 0x0
[in] pPin[ulPinLen] 00007ffd41d31f80 / 15
@dump
[in] pLabel[32] 00007ffd41d31f90 / 32
    00000000  69 6E 76 65 6E 74 65 64 20 20 20 20 20 20 20 20  invented        
    00000010  20 20 20 20 20 20 20 20 20 20 20 20 20 20 20 20                  
Returned:  0 CKR_OK

1: C_InitPIN
[in] hSession = 0x1
[in] pPin[ulPinLen] 00007ffd41d31f80 / 15
@dump
Returned:  0 CKR_OK

2: C_LoginUser
[in] hSession = 0x1
[in] userType = CKU_USER
[in] pPin[ulPinLen] 00007ffd41d31f80 / 15
@dump
[in] pUsername[ulUsernameLen] 00007ffd41d31f80 / 0
Returned:  0 CKR_OK

3: C_Login
[in] hSession = 0x1
[in] userType = CKU_USER @text
[in] pPin = @text
[in] pPin[ulPinLen] 00007ffd41d31f80 / 15 = "@text"
[in] pPin[ulPinLen] 00007ffd41d31f80 / 15
    @hex
    @text
Returned:  160 CKR_PIN_INCORRECT @text

4: C_GetOperationState
[in] hSession = 0x1
[out] pOperationState[*pulOperationStateLen] 00007ffd41d31f80 / 15
@dump
Returned:  0 CKR_OK

5: C_SeedRandom
[in] hSession = 0x1
[in] pSeed[ulSeedLen] 00007ffd41d31f80 / 15
@dump
Returned:  0 CKR_OK

6: C_SetAttributeValue
[in] hSession = 0x1
[in] hObject = 0x5
[in] pTemplate[2]: 
    CKA_? (0x80000123)    000055f0c0d1e010 / 15
@dump
    CKA_PRIVATE_EXPONENT  000055f0c0d1e010 / 15
@dump
Returned:  0 CKR_OK
PIN=@text pkcs11-tool *************** OpenSC PKCS#11 spy *****************
)"},
    // Two threads: the PIN's dump comes when another call waits for that of a label.
    {"pkcs11-spy", R"(
0: C_Login
[in] hSession = 0x1
[in] userType = CKU_USER
[in] pPin[ulPinLen] 00007ffd41d31f80 / 15

1: C_GetAttributeValue
[in] hSession = 0x2
[in] hObject = 0x5
[out] pTemplate[1]: 
    CKA_LABEL             000055f0c0d1e010 / 15
@dump
    00000000  69 6E 76 65 6E 74 65 64 20 6C 61 62 65 6C 73     invented labels
Returned:  0 CKR_OK
Returned:  0 CKR_OK
)"},
    {"libpkcs11shim", R"(
[cnt] 0000000000000000 - C_Login
[pid] 1
[in ] hSession = 0x1
[in ] userType = CKU_USER
[in ] pPin[ulPinLen] 00007ffd41d31f80 / 15
[cnt] 0000000000000001 - C_CreateObject
[pid] 1
[in ] hSession = 0x2
[in ] pTemplate[1]: 
      CKA_ID                000055f0c0d1e010 / 15
  @dump
[ret] 0 CKR_OK
[ret] 0 CKR_OK
)"},
    {"pkcs11-logger", R"(Calling C_SetPIN
Input
 hSession: 1 @text
 pOldPin: 0x55f0c0d1e010
 *pOldPin: @text
 ulOldLen: 15
 pNewPin: 0x55f0c0d1e010
 *pNewPin: @text
 ulNewLen: 15
Returning 0 (CKR_OK) @text
Calling C_InitPIN
Input
 hSession: 1
 pPin: @text
 *pPin: @text
 ulPinLen: 15
Returning 0 (CKR_OK)
Calling C_Encrypt
Input
 hSession: 1
 pData: 0x55f0c0d1e010
 *pData: HEX(@hex)
 ulDataLen: 15
Output
 *pEncryptedData: HEX(@hex
Returning 0 (CKR_OK)
Calling C_SeedRandom
Input
 hSession: 1
 pSeed: 0x55f0c0d1e010
 *pSeed: HEX(@hex)
 ulSeedLen: 15
Returning 0 (CKR_OK)
)"},
    {"p11-kit", R"(C_SetPIN
  IN: hSession = S1
  IN: pOldPin = (15) "@text"
  IN: pNewPin = (15) "@text"
C_SetPIN = CKR_OK
C_InitPIN
  IN: hSession = S1
  IN: pPin = "@text"
C_InitPIN = CKR_OK
PIN is @text C_GetInfo
C_GetInfo = CKR_OK
)"},
    {"opensc-debug",
     R"(P:1; T:0x2 17:40:01.123 [opensc-pkcs11] pkcs11-session.c:347:C_Login: C_Login(0x55d0, 1)
P:1; T:0x2 17:40:01.123 [opensc-pkcs11] pkcs11-session.c:348:C_Login: C_Login() with '@text'
Outgoing APDU (20 bytes):
10 20 00 80 0F @begin . ...
@end .
Incoming APDU (2 bytes):
90 00 ..
Outgoing APDU (35 bytes):
00 24 00 80 1E @hex @hex
Incoming APDU (2 bytes):
90 00 ..
Outgoing APDU (22 bytes):
00 DB 3F FF 11 53 0F @hex
Incoming APDU (2 bytes):
90 00 ..
Outgoing APDU (5 bytes):
00 84 00 00 08 .....
Incoming APDU (17 bytes):
@hex 90
00
Outgoing APDU (20 bytes):
00 82 00 00 0F @hex
Incoming APDU (2 bytes):
90 00 ..
Outgoing APDU (22 bytes):
00 87 03 9B 11 7C 0F @hex
Incoming APDU (17 bytes):
@hex 90 00
Outgoing APDU (5 bytes):
00 20 00 80 0F @hex
Outgoing APDU data [   20 bytes] =====================================
00 20 00 80 0F @hex
======================================================================
the PIN @text in an outgoing APDU of 5 bytes
P:1; T:0x2 17:40:01.126 [opensc-pkcs11] pkcs11-session.c:384:C_Login: fLogin() rv 0
P:1; T:0x2 17:40:01.127 [opensc-pkcs11] pkcs11-session.c:384:C_SetPIN: Changing PIN from '@text'
)"},
    {"pkcs11-provider",
     R"([2026-11-28 17:40:01.123] [uri.c:1] p11prov_uri(pkcs11:token=t?pin-value=@text): Calling C_Initialize
pin-value=@text [interface.gen.c:123] p11prov_Login(): Calling C_Login with @text
[2026-11-28 17:40:01.140] [interface.gen.c:123] p11prov_Login(): Error: 0x000000A0; Error returned by C_Login @text
)"},
    {"java", R"(sunpkcs11: pin = @text
sunpkcs11: Initializing PKCS#11 library with nssArgs="password='@text'"
Caused by: sun.security.pkcs11.wrapper.PKCS11Exception: CKR_PIN_INCORRECT
PIN @text at jdk.crypto.cryptoki/sun.security.pkcs11.wrapper.PKCS11.C_Login(Native Method)
)"},
    {"ykcs11", "DBG ykcs11.c:1 (C_Login): In\nDBG pin=@text (C_Login): In\nDBG ykcs11.c:3 (C_Login): Out\n"},
    {"tpm2-pkcs11", R"(pin=@text TRACE on line: "1" in file: "src/pkcs11.c": enter "C_Login" @text
TRACE on line: "1" in file: "src/pkcs11.c": return "C_Login" value: 160 @text
)"},
    {"pkcs11-helper", R"(PIN @text PKCS#11: __pkcs11h_session_login entry
PKCS#11: __pkcs11h_session_login return rv=160-'CKR_PIN_INCORRECT' @text
)"},
    {"cryptoauthlib", "4711:4712:C_Login:1234:CKR_PIN_INCORRECT(@text)\n4711:4712:C_Logout:1234:CKR_OK(0)\n"},
    {"keychain-pkcs11", "PIN @text C_Login called\nC_Login returning CKR_PIN_INCORRECT @text\n"},
};

// Four bytes of it in a row, as text or as digits.
bool holds_piece(const std::string& text) {
  for (std::size_t i = 0; i + 4 <= canary.size(); ++i) {
    if (text.find(canary.substr(i, 4)) != std::string::npos) return true;
    for (const std::string_view between : {"", " ", ":"}) {
      std::string digits = hex(between).substr(i * (2 + between.size()), 4 * (2 + between.size()) - between.size());
      if (text.find(digits) != std::string::npos) return true;
      for (auto& c : digits) c = static_cast<char>(std::tolower(c));
      if (text.find(digits) != std::string::npos) return true;
    }
  }
  return false;
}

std::string utf16(const std::string& log) {
  std::string out = "\xff\xfe";
  for (const char c : log) (out += c) += '\0';
  return out;
}

// As mail programs quote and break lines.
std::string quoted_mail(const std::string& log) {
  std::string out, line;
  for (const char c : log) {
    if (c != '\n') {
      line += c;
      continue;
    }
    while (line.size() > 60) {
      auto at = line.rfind(' ', 60);
      if (at == std::string::npos || at == 0) at = 60;
      out += "> " + line.substr(0, at) + "\r\n";
      line.erase(0, at);
      line.erase(0, line.find_first_not_of(' '));
    }
    out += "> " + line + "\r\n";
    line.clear();
  }
  return out;
}

bool names_lengths(const std::string& kind) {
  return kind == "pkcs11-spy" || kind == "pkcs11-logger" || kind == "libpkcs11shim" || kind == "p11-kit";
}

bool holds_canary(const std::string& text) {
  p11tape::scrub::search s(canary);
  s.feed(text);
  return !s.hits().empty();
}

}  // namespace

TEST_CASE("there is a log with secrets of every kind that is read") {
  for (const auto& k : log_kinds()) {
    CAPTURE(k.name);
    CHECK(std::any_of(std::begin(logs), std::end(logs), [&](const log_of_kind& l) { return l.kind == k.name; }));
  }
}

TEST_CASE("no secret of any kind of log survives") {
  for (const auto& l : logs) {
    CAPTURE(l.kind);
    const auto log = replaced(l.text);
    REQUIRE(holds_canary(log));
    const directory folder;
    const auto tapes = tapes_of(log, folder.path, l.kind);
    REQUIRE_FALSE(tapes.empty());
    for (const auto& path : tapes) CHECK_FALSE(holds_canary(file_text(path)));
    const collected read(log, l.kind);
    CHECK(!read.calls.empty());
    CAPTURE(read.cleaned);
    CHECK_FALSE(holds_canary(read.cleaned));
    CHECK(collected(log).result.kind->name == l.kind);
  }
}

TEST_CASE("no piece of a secret survives in odd places and in odd wrappings") {
  const auto check = [](const log_of_kind& l, const std::string& log) {
    const directory folder;
    for (const auto& path : tapes_of(log, folder.path, l.kind)) CHECK_FALSE(holds_piece(file_text(path)));
    const collected read(log, l.kind);
    CAPTURE(read.cleaned);
    CHECK_FALSE(holds_piece(read.cleaned));
  };
  for (const auto& l : logs) {
    CAPTURE(l.kind);
    const auto log = replaced(l.text);
    check(l, utf16(log));
    check(l, quoted_mail(log));
  }
  for (const auto& l : odd_logs) {
    CAPTURE(l.kind);
    const auto log = replaced(l.text);
    REQUIRE(holds_piece(log));
    check(l, log);
    check(l, utf16(log));
    check(l, quoted_mail(log));
  }
}

TEST_CASE("a cleaned log says as much as before, but for the secrets") {
  for (const auto& l : logs) {
    if (l.kind == std::string("opensc-debug")) continue;
    CAPTURE(l.kind);
    const collected before(replaced(l.text), l.kind), after(before.cleaned, l.kind);
    REQUIRE(after.calls.size() == before.calls.size());
    for (std::size_t i = 0; i < before.calls.size(); ++i) {
      CAPTURE(before.cleaned, before.calls[i].row().name);
      CHECK(after.calls[i].function == before.calls[i].function);
      CHECK(after.calls[i].result == before.calls[i].result);
    }
    CHECK(after.result.unknown_lines == 0);
    if (names_lengths(l.kind)) CHECK(in(after.at("C_Login"), "ulPinLen").number == 15);
  }
}

TEST_CASE("an OpenSC log has the card's answer under the call") {
  const collected read(replaced(logs[4].text));
  const auto& login = read.at("C_Login");
  CHECK(login.result == CKR_PIN_INCORRECT);
  REQUIRE(login.exchanges.size() == 1);
  CHECK(login.exchanges[0].command.size() == 20);
  CHECK(login.exchanges[0].response.substr(15) == "\x63\xc2");
}
