// SPDX-License-Identifier: Apache-2.0
// C: templates and mechanisms as applications really pass them, and as they never should.
#include <array>
#include <cstring>

#include "memory.hpp"
#include "support.hpp"

using namespace p11tape;
using namespace p11tape::contract;

namespace {

// Everything goes to the module, which sees the same pointer and answers as it would alone.
void expect_forwarded(const std::function<CK_RV(CK_FUNCTION_LIST_3_2*)>& call) {
  const shim s;
  auto* const table = s.table(3, 2);
  auto& control = script();
  control.configure("*=CKR_TEMPLATE_INCONSISTENT");
  EXPECT_EQ(call(table), CK_RV{CKR_TEMPLATE_INCONSISTENT});
  EXPECT_EQ(control.log_count.load(), word{1});
}

CK_RV create(CK_FUNCTION_LIST_3_2* table, CK_ATTRIBUTE* attributes, CK_ULONG n) {
  CK_OBJECT_HANDLE object = 0;
  EXPECT_EQ(table->C_CreateObject(1, attributes, n, &object), CK_RV{CKR_TEMPLATE_INCONSISTENT});
  script().log_count = 0;
  return table->C_FindObjectsInit(1, attributes, n);
}

}  // namespace

TEST_CASE("C5: CK_UNAVAILABLE_INFORMATION is never a length") {
  RUN_CLEAN(setup{}, [] {
    expect_forwarded([](auto* table) {
      auto* const byte = at_page_end(1);
      CK_ATTRIBUTE a[] = {{CKA_LABEL, byte, CK_UNAVAILABLE_INFORMATION},
                          {CKA_MODULUS, nullptr, CK_UNAVAILABLE_INFORMATION},
                          {CKA_WRAP_TEMPLATE, byte, CK_UNAVAILABLE_INFORMATION},
                          {CKA_ALLOWED_MECHANISMS, byte, CK_UNAVAILABLE_INFORMATION}};
      return create(table, a, std::size(a));
    });
  });
}

TEST_CASE("C5: attributes whose length does not fit their type") {
  const CK_ULONG length = GENERATE(CK_ULONG{0}, CK_ULONG{1}, CK_ULONG{3}, CK_ULONG{4}, CK_ULONG{7}, CK_ULONG{9});
  RUN_CLEAN(setup{}, [&] {
    expect_forwarded([&](auto* table) {
      std::vector<CK_ATTRIBUTE> all;
      // Each known attribute, and each value ends where nothing may be read.
      for (const auto& row : cryptoki::attributes()) all.push_back({row.type, at_page_end(length), length});
      all.push_back({CKA_VENDOR_DEFINED + 17, at_page_end(length), length});
      return create(table, all.data(), all.size());
    });
  });
}

TEST_CASE("C6: mechanism parameters of every mechanism with lengths that fit nothing, and pointers to nowhere") {
  const CK_ULONG length = GENERATE(CK_ULONG{0}, CK_ULONG{1}, CK_ULONG{8}, CK_ULONG{15}, CK_ULONG{16}, CK_ULONG{24},
                                   CK_ULONG{40}, CK_ULONG{48});
  const int kind = GENERATE(0, 1, 2, 3);
  RUN_CLEAN(setup{}, [&] {
    expect_forwarded([&](CK_FUNCTION_LIST_3_2* table) {
      auto* const bytes = at_page_end(length);
      // As a struct's fields: pointers to nowhere, huge lengths, or zeros.
      std::memset(bytes, kind == 0 ? 0 : kind == 1 ? 0xFF : 0x01, length);
      auto* const value = kind == 3 ? static_cast<void*>(unreadable()) : bytes;
      for (const auto& row : cryptoki::mechanisms()) {
        CK_MECHANISM m = {row.type, value, length};
        EXPECT_EQ(table->C_SignInit(1, &m, 1), CK_RV{CKR_TEMPLATE_INCONSISTENT});
        CK_OBJECT_HANDLE key = 0;
        EXPECT_EQ(table->C_DeriveKey(1, &m, 1, nullptr, 0, &key), CK_RV{CKR_TEMPLATE_INCONSISTENT});
      }
      script().log_count = 0;
      CK_MECHANISM m = {CKM_VENDOR_DEFINED + 3, value, length};
      return table->C_EncryptInit(1, &m, 1);
    });
  });
}

TEST_CASE("C6: the same mechanism in several layouts, and PBKD2 whose password length is a pointer or a value") {
  RUN_CLEAN(setup{}, [] {
    expect_forwarded([](CK_FUNCTION_LIST_3_2* table) {
      CK_BYTE iv[12] = {1};
      CK_GCM_PARAMS gcm{};
      gcm.pIv = iv;
      gcm.ulIvLen = sizeof iv;
      gcm.ulIvBits = 96;
      gcm.ulTagBits = 128;
      CK_MECHANISM m = {CKM_AES_GCM, &gcm, sizeof gcm};
      EXPECT_EQ(table->C_EncryptInit(1, &m, 1), CK_RV{CKR_TEMPLATE_INCONSISTENT});
      m.ulParameterLen = sizeof gcm - sizeof(CK_ULONG);  // the layout without ulIvBits
      EXPECT_EQ(table->C_EncryptInit(1, &m, 1), CK_RV{CKR_TEMPLATE_INCONSISTENT});
      CK_PKCS5_PBKD2_PARAMS2 second{};
      CK_UTF8CHAR password[] = "password";
      second.pPassword = password;
      second.ulPasswordLen = 8;  // where the older layout has a pointer
      m = {CKM_PKCS5_PBKD2, &second, sizeof second};
      CK_OBJECT_HANDLE key = 0;
      EXPECT_EQ(table->C_GenerateKey(1, &m, nullptr, 0, &key), CK_RV{CKR_TEMPLATE_INCONSISTENT});
      script().log_count = 0;
      m = {CKM_AES_CBC, iv, sizeof iv};
      return table->C_EncryptInit(1, &m, 1);
    });
  });
}

TEST_CASE("C6: PSS with a pointer to nowhere and length 0") {
  RUN_CLEAN(setup{}, [] {
    expect_forwarded([](CK_FUNCTION_LIST_3_2* table) {
      CK_MECHANISM m = {CKM_RSA_PKCS_PSS, mock::from_word<void*>(0xDEADBEEF), 0};
      return table->C_SignInit(1, &m, 1);
    });
  });
}

TEST_CASE("C6: NULL mechanisms and C_SessionCancel end operations in 3.x") {
  RUN_CLEAN(setup{}, [] {
    const shim s;
    auto* const table = s.table(3, 2);
    EXPECT_EQ(table->C_Initialize(nullptr), CK_RV{CKR_OK});
    EXPECT_EQ(table->C_SignInit(1, nullptr, 0), CK_RV{CKR_OK});
    EXPECT_EQ(script()[function::C_SignInit].words[1].load(), word{0});
    EXPECT_EQ(table->C_SessionCancel(1, CKF_SIGN), CK_RV{CKR_OK});
  });
}

TEST_CASE("C7: CKA_ALLOWED_MECHANISMS is an array of mechanisms, not a template") {
  RUN_CLEAN(setup{}, [] {
    expect_forwarded([](auto* table) {
      CK_MECHANISM_TYPE allowed[] = {CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_RSA_PKCS_PSS};
      CK_ATTRIBUTE a[] = {{CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed}};
      return create(table, a, 1);
    });
  });
  RUN_CLEAN(setup{}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    CK_MECHANISM_TYPE allowed[3] = {};
    CK_ATTRIBUTE a = {CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed};
    EXPECT_EQ(list->C_GetAttributeValue(1, 2, &a, 1), CK_RV{CKR_OK});
    EXPECT_EQ(allowed[2], CK_MECHANISM_TYPE{CKM_RSA_PKCS_PSS});
  });
}

TEST_CASE("C7: templates inside templates: real ones, one that contains itself, one that is too long") {
  RUN_CLEAN(setup{}, [] {
    expect_forwarded([](auto* table) {
      CK_ATTRIBUTE self{};
      self = {CKA_WRAP_TEMPLATE, &self, sizeof self};
      CK_ATTRIBUTE half = {CKA_UNWRAP_TEMPLATE, &self, sizeof self + 5};
      CK_ATTRIBUTE far = {CKA_DERIVE_TEMPLATE, &self, sizeof self * (CK_ULONG{1} << 40)};
      CK_ATTRIBUTE a[] = {self, half, far};
      return create(table, a, std::size(a));
    });
  });
  RUN_CLEAN(setup{}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    CK_BBOOL extractable = 0;
    CK_OBJECT_CLASS c = 0;
    CK_ATTRIBUTE inside[2] = {{0, &c, sizeof c}, {0, &extractable, sizeof extractable}};
    CK_ATTRIBUTE a = {CKA_WRAP_TEMPLATE, inside, sizeof inside};
    EXPECT_EQ(list->C_GetAttributeValue(1, 4, &a, 1), CK_RV{CKR_OK});
    EXPECT_EQ(inside[1].type, CK_ATTRIBUTE_TYPE{CKA_EXTRACTABLE});
    EXPECT_EQ(int{extractable}, int{CK_TRUE});
  });
}

TEST_CASE("C8: C_GetAttributeValue: what the caller's buffers hold before the call is not looked at") {
  RUN_CLEAN(setup{}, [] {
    expect_forwarded([](auto* table) {
      CK_ATTRIBUTE a[] = {{CKA_LABEL, unreadable(), 64},
                          {CKA_WRAP_TEMPLATE, unreadable(), 4 * sizeof(CK_ATTRIBUTE)},
                          {CKA_ID, mock::from_word<void*>(0x10), 64}};
      return table->C_GetAttributeValue(1, 1, a, std::size(a));
    });
  });
}

TEST_CASE("C8: C_GetAttributeValue: sensitive, unknown, too small and good attributes in one call") {
  RUN_CLEAN(setup{}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    char label[16] = {};
    char small[2] = {};
    char exponent[256] = {};
    CK_ATTRIBUTE a[] = {{CKA_LABEL, label, sizeof label},
                        {CKA_PRIVATE_EXPONENT, exponent, sizeof exponent},
                        {CKA_OWNER, nullptr, 0},
                        {CKA_MODULUS, small, sizeof small},
                        {CKA_ID, nullptr, 0}};
    EXPECT_EQ(list->C_GetAttributeValue(1, 2, a, std::size(a)), CK_RV{CKR_BUFFER_TOO_SMALL});
    EXPECT_EQ(a[0].ulValueLen, CK_ULONG{8});
    EXPECT_EQ(std::string(label), std::string("mock key"));
    EXPECT_EQ(a[1].ulValueLen, CK_ULONG{CK_UNAVAILABLE_INFORMATION});
    EXPECT_EQ(a[2].ulValueLen, CK_ULONG{CK_UNAVAILABLE_INFORMATION});
    EXPECT_EQ(a[3].ulValueLen, CK_ULONG{CK_UNAVAILABLE_INFORMATION});
    EXPECT_EQ(a[4].ulValueLen, CK_ULONG{4});
  });
}
