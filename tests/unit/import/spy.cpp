// SPDX-License-Identifier: Apache-2.0
// pkcs11-spy's log in the forms of its versions, whole and in pieces.
#include <zlib.h>

#include <catch2/catch.hpp>

#include "collected.hpp"

using namespace p11tape::import;
using namespace p11tape::import::test;
using kind = value::kind;

namespace {

const std::string start = R"(

*************** OpenSC PKCS#11 spy *****************
Loaded: "/opt/vendor/libvendor.so"
)";

const std::string login = R"(
0: C_Login
2026-11-28 17:40:01.123
[in] hSession = 0x1
[in] userType = CKU_USER
[in] pPin[ulPinLen] 00007ffd41d31f80 / 8
    00000000  A7 13 00 5F C4 99 02 E1                          ..._....        
Returned:  160 CKR_PIN_INCORRECT
)";

struct counter final : call_sink {
  std::size_t calls = 0;
  void begin_process(const process_start&) override {}
  void add(call& c) override {
    c = {};
    ++calls;
  }
};

}  // namespace

TEST_CASE("a call of pkcs11-spy 0.13 to 0.23") {
  const collected log(start + login);
  REQUIRE(log.result.kind->name == "pkcs11-spy");
  CHECK(log.result.unknown_lines == 0);
  REQUIRE(log.processes.size() == 1);
  CHECK(log.processes[0].module == "/opt/vendor/libvendor.so");
  const auto& c = log.at("C_Login");
  CHECK(in(c, "hSession").number == 1);
  CHECK(in(c, "userType").number == CKU_USER);
  CHECK(in(c, "pPin").bytes == std::string("\xa7\x13\x00\x5f\xc4\x99\x02\xe1", 8));
  CHECK_FALSE(in(c, "pPin").partial);
  CHECK(c.result == CKR_PIN_INCORRECT);
  REQUIRE(c.start);
  CHECK(*c.start % 1'000'000'000 == 123'000'000);
  CHECK_FALSE(c.end);
  CHECK_FALSE(c.thread);
  CHECK_FALSE(log.result.facts.gaps);
}

TEST_CASE("the time line of pkcs11-spy 0.24 and later names process and thread") {
  const collected log(R"(
0: C_Finalize
P:4711; T:0x139872650110592 2026-11-28 17:40:01.123
Returned:  0 CKR_OK
)");
  const auto& c = log.at("C_Finalize");
  CHECK(c.process == 4711);
  CHECK(c.thread == 139872650110592);
  CHECK(log.result.facts.threads);
}

TEST_CASE("templates, structs and lists of pkcs11-spy") {
  const collected log(start + R"(
0: C_FindObjectsInit
2026-11-28 17:40:01.123
[in] hSession = 0x1
[in] pTemplate[3]: 
    CKA_CLASS             CKO_PRIVATE_KEY          
    CKA_TOKEN             True
    CKA_LABEL             000055f0c0d1e010 / 4
    00000000  61 62 63 64                                      abcd            
Returned:  0 CKR_OK

1: C_FindObjects
2026-11-28 17:40:01.124
[in] hSession = 0x1
[in] ulMaxObjectCount = 0xa
[out] ulObjectCount = 0x2
Object 0x11 matches
Object 0x12 matches
Returned:  0 CKR_OK

2: C_GetAttributeValue
2026-11-28 17:40:01.125
[in] hSession = 0x1
[in] hObject = 0x11
[in] pTemplate[2]: 
    CKA_MODULUS_BITS      00007ffd41d31f80 / 8
    CKA_VALUE             0000000000000000 / 0
[out] pTemplate[2]: 
    CKA_MODULUS_BITS      00007ffd41d31f80 / 8
    00000000  00 08 00 00 00 00 00 00                          ........        
    CKA_VALUE             0000000000000000 / -1
Returned:  17 CKR_ATTRIBUTE_SENSITIVE

3: C_GetTokenInfo
2026-11-28 17:40:01.126
[in] slotID = 0x0
[out] pInfo: 
      label:                  'it's mine                       '
      manufacturerID:         'Invented                        '
      model:                  '           Model'
      serialNumber:           '0000000000000001'
      ulMaxSessionCount:       0
      ulSessionCount:          -1
      ulMaxRwSessionCount:     0
      ulRwSessionCount:        -1
      ulMaxPinLen:             255
      ulMinPinLen:             4
      ulTotalPublicMemory:     -1
      ulFreePublicMemory:      -1
      ulTotalPrivateMemory:    -1
      ulFreePrivateMemory:     -1
      hardwareVersion:         2.6
      firmwareVersion:         2.6
      time:                   '2026112817400100'
      flags:                   42d
        CKF_RNG                          
Returned:  0 CKR_OK
)");
  CHECK(log.result.unknown_lines == 0);
  const auto& wanted = in(log.at("C_FindObjectsInit"), "pTemplate");
  REQUIRE(wanted.parts.size() == 3);
  CHECK(attribute(wanted, CKA_CLASS).number == CKO_PRIVATE_KEY);
  CHECK(attribute(wanted, CKA_TOKEN).bytes == "\1");
  CHECK(attribute(wanted, CKA_LABEL).bytes == "abcd");
  CHECK(out(log.at("C_FindObjects"), "phObject").numbers == std::vector<p11tape::tape::u64>{0x11, 0x12});
  CHECK(out(log.at("C_FindObjects"), "pulObjectCount").number == 2);
  const auto& read = log.at("C_GetAttributeValue");
  CHECK(attribute(in(read, "pTemplate"), CKA_MODULUS_BITS).what == kind::pointer);
  CHECK(attribute(in(read, "pTemplate"), CKA_VALUE).what == kind::null);
  CHECK(number_in(attribute(out(read, "pTemplate"), CKA_MODULUS_BITS).bytes) == 2048);
  CHECK(attribute(out(read, "pTemplate"), CKA_VALUE).length == unavailable);
  const auto& token = out(log.at("C_GetTokenInfo"), "pInfo");
  CHECK(part(token, "label").bytes == "it's mine                       ");
  CHECK(part(token, "model").bytes == std::string("Model\0\0\0\0\0\0\0\0\0\0\0", 16));
  CHECK(part(token, "flags").number == 0x42d);
  CHECK(part(token, "ulSessionCount").number == unavailable);
}

TEST_CASE("a pasted piece: quoted, fenced, wrapped, cut, with other lines in between") {
  const collected log(R"(> Hello, here is what I see:
> ```
> 12: C_Login
> 2026-11-28 17:40:01.123
> [in] hSession = 0x1
> [in] userType = CKU_USER
> [in] pPin[ulPinLen] 00007ffd41d31f80 / 6
>     00000000  31 32 33 34 35 36
> 123456
> the module said something here
> Returned:  0 CKR_OK
> 
> [...]
> 
> 57: C_Sign
> 2026-11-28 17:40:02.000
> [in] hSession = 0x1
> [in] pData[ulDataLen] 000055f0c0d1e010 / 32
> ```
)");
  CHECK(in(log.at("C_Login"), "pPin").bytes == "123456");
  CHECK(log.at("C_Login").result == 0);
  CHECK(in(log.at("C_Sign"), "ulDataLen").number == 32);
  CHECK_FALSE(log.at("C_Sign").result);
  CHECK(log.result.facts.gaps);
  CHECK(log.cleaned.find("123456") == std::string::npos);
  CHECK(log.cleaned.find("something") == std::string::npos);
}

TEST_CASE("UTF-16, byte order marks and Windows line ends") {
  std::string wide = "\xff\xfe";
  for (const char c : start + login) {
    if (c == '\n') wide += std::string("\r\0", 2);
    wide += c;
    wide += '\0';
  }
  CHECK(collected(wide).calls.size() == 1);
  CHECK(collected(wide.substr(2)).calls.size() == 1);
  CHECK(collected("\xef\xbb\xbf" + start + login).calls.size() == 1);
}

TEST_CASE("UTF-16 of the other byte order, and CR LF alone") {
  std::string wide = "\xfe\xff", carriage;
  for (const char c : start + login) {
    if (c == '\n') carriage += '\r';
    carriage += c;
    wide += '\0';
    wide += c;
  }
  CHECK(collected(wide).calls.size() == 1);
  const collected log(carriage);
  CHECK(log.calls.size() == 1);
  CHECK(log.result.unknown_lines == 0);
}

TEST_CASE("a log that is packed with gzip, whole and cut") {
  std::string text = start;
  for (int i = 0; i < 2000; ++i) text += login;
  z_stream z{};
  REQUIRE(deflateInit2(&z, 6, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed(text.size() + 100, '\0');
  z.next_in = reinterpret_cast<Bytef*>(text.data());
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(packed.data());
  z.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
  packed.resize(z.total_out);
  deflateEnd(&z);
  const directory folder;
  const auto calls_of = [&](const std::string& bytes, bool incomplete) {
    const auto path = folder.path + "/log.gz";
    std::ofstream(path, std::ios::binary) << bytes;
    input lines(path);
    counter counted;
    importer(lines, nullptr).read(counted);
    CHECK(lines.incomplete() == incomplete);
    return counted.calls;
  };
  CHECK(calls_of(packed, false) == 2000);
  const auto some = calls_of(packed.substr(0, packed.size() / 2), true);
  CHECK(some > 100);
  CHECK(some < 2000);
}

TEST_CASE("32-bit lengths, handles and pointers") {
  const collected log(start + R"(
0: C_GetAttributeValue
2026-11-28 17:40:01.000
[in] hSession = 0x1
[in] hObject = 0x2
[in] pTemplate[2]: 
    CKA_MODULUS           00000000 / 0
    CKA_CLASS             0012ff44 / 4
[out] pTemplate[2]: 
    CKA_MODULUS           00000000 / 4294967295
    CKA_CLASS             CKO_PRIVATE_KEY          
Returned:  18 CKR_ATTRIBUTE_TYPE_INVALID
)");
  const auto& read = log.at("C_GetAttributeValue");
  CHECK(attribute(out(read, "pTemplate"), CKA_MODULUS).length == unavailable);
  CHECK(attribute(out(read, "pTemplate"), CKA_CLASS).number == CKO_PRIVATE_KEY);
  CHECK(log.result.facts.word_size == 4);
}

TEST_CASE("several processes in one file, and a call that never returns") {
  const collected log(start + login + start + R"(
0: C_WaitForSlotEvent
2026-11-28 17:41:00.000
[in] flags = 0x0
)" + start + login);
  CHECK(log.processes.size() == 3);
  REQUIRE(log.calls.size() == 3);
  CHECK_FALSE(log.calls[1].result);
  CHECK_FALSE(log.calls[1].result_lost);
}

TEST_CASE("lines of two threads that mix find their calls") {
  const collected log(start + R"(
0: C_GetSlotList
2026-11-28 17:40:01.000
[in] tokenPresent = 0x0

1: C_GetInfo
2026-11-28 17:40:01.001
[out] pSlotList: 
Count is 2
[out] *pulCount = 0x2
Returned:  0 CKR_OK
Returned:  145 CKR_OPERATION_NOT_INITIALIZED
)");
  CHECK(log.at("C_GetSlotList").result == 0);
  CHECK(out(log.at("C_GetSlotList"), "pulCount").number == 2);
  CHECK(log.at("C_GetInfo").result == CKR_OPERATION_NOT_INITIALIZED);
  CHECK(log.at("C_GetInfo").lane != log.at("C_GetSlotList").lane);
}

TEST_CASE("a made-up log of endless lists makes a bounded record") {
  std::string log = start + "\n0: C_CreateObject\n[in] hSession = 0x1\n[in] pTemplate[100000]: \n";
  for (int i = 0; i < 100000; ++i) log += "    CKA_TOKEN             True\n";
  log += "[out] *phObject = 0x5\nReturned:  0 CKR_OK\n";
  CHECK(collected(log).at("C_CreateObject").in[1].parts.size() == most_elements);
  const directory folder;
  const auto tapes = tapes_of(log, folder.path);
  REQUIRE(tapes.size() == 1);
  CHECK(std::filesystem::file_size(tapes[0]) < 256 * 1024);
}
