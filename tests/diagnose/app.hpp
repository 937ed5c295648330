// SPDX-License-Identifier: Apache-2.0
// A small application for stories: what it does of a PKCS#11 client's work takes a line each.
#pragma once

#include <initializer_list>
#include <string>
#include <thread>
#include <vector>

#include "contract/support.hpp"

namespace p11tape::test {

/// To be made in the host: loads the shim.
struct app {
  contract::shim shim;
  CK_FUNCTION_LIST* p = shim.list();
  CK_SLOT_ID slot = 0;
  CK_SESSION_HANDLE session = 0;

  CK_RV initialize(bool locking = true) {
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    return p->C_Initialize(locking ? &arguments : nullptr);
  }
  CK_RV finalize() { return p->C_Finalize(nullptr); }

  /// Reads all tokens, takes the first.
  CK_RV look() {
    CK_SLOT_ID slots[16];
    CK_ULONG count = 16;
    const auto rv = p->C_GetSlotList(CK_TRUE, slots, &count);
    for (CK_ULONG i = count; rv == CKR_OK && i-- > 0;) {
      CK_SLOT_INFO slot_info{};
      CK_TOKEN_INFO info{};
      p->C_GetSlotInfo(slots[i], &slot_info);
      p->C_GetTokenInfo(slots[i], &info);
      slot = slots[i];
    }
    return rv;
  }
  void list_mechanisms() {
    CK_MECHANISM_TYPE all[512];
    CK_ULONG count = 512;
    p->C_GetMechanismList(slot, all, &count);
  }
  CK_RV open(bool write = false) {
    return p->C_OpenSession(slot, CKF_SERIAL_SESSION | (write ? CKF_RW_SESSION : 0), nullptr, nullptr, &session);
  }
  /// initialize, look, open: all that comes before the story.
  void begin(bool locking = true, bool write = false) {
    EXPECT_EQ(initialize(locking), CKR_OK);
    EXPECT_EQ(look(), CKR_OK);
    EXPECT_EQ(open(write), CKR_OK);
  }
  void end() {
    p->C_CloseSession(session);
    finalize();
  }
  CK_RV login(std::string pin = "12345678", CK_USER_TYPE user = CKU_USER) {
    return p->C_Login(session, user, reinterpret_cast<CK_UTF8CHAR_PTR>(pin.data()), pin.size());
  }

  std::vector<CK_OBJECT_HANDLE> find(CK_OBJECT_CLASS object_class, std::string label = {}, std::string id = {}) {
    std::vector<CK_ATTRIBUTE> wanted{{CKA_CLASS, &object_class, sizeof object_class}};
    if (!label.empty()) wanted.push_back({CKA_LABEL, label.data(), label.size()});
    if (!id.empty()) wanted.push_back({CKA_ID, id.data(), id.size()});
    std::vector<CK_OBJECT_HANDLE> found(64);
    CK_ULONG count = 0;
    p->C_FindObjectsInit(session, wanted.data(), wanted.size());
    if (p->C_FindObjects(session, found.data(), found.size(), &count) != CKR_OK) count = 0;
    p->C_FindObjectsFinal(session);
    found.resize(count);
    return found;
  }
  CK_RV read(CK_OBJECT_HANDLE object, std::initializer_list<CK_ATTRIBUTE_TYPE> types) {
    std::vector<std::vector<unsigned char>> room(types.size(), std::vector<unsigned char>(4096));
    std::vector<CK_ATTRIBUTE> asked;
    for (const auto type : types) asked.push_back({type, room[asked.size()].data(), 4096});
    return p->C_GetAttributeValue(session, object, asked.data(), asked.size());
  }
  CK_RV sign(CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type = CKM_RSA_PKCS, std::size_t size = 20) {
    CK_MECHANISM mechanism{type, nullptr, 0};
    if (const auto rv = p->C_SignInit(session, &mechanism, key); rv != CKR_OK) return rv;
    std::vector<unsigned char> data(size, 1), signature(1024);
    CK_ULONG length = signature.size();
    return p->C_Sign(session, data.data(), data.size(), signature.data(), &length);
  }

  /// Makes an RSA key pair on the token. Returns the private key.
  CK_OBJECT_HANDLE make_pair(std::string label, std::string id, bool signs = true) {
    CK_MECHANISM mechanism{CKM_RSA_PKCS_KEY_PAIR_GEN, nullptr, 0};
    CK_ULONG bits = 1024;
    CK_BBOOL yes = CK_TRUE, may_sign = signs ? CK_TRUE : CK_FALSE;
    unsigned char exponent[] = {1, 0, 1};
    CK_ATTRIBUTE open_part[] = {{CKA_TOKEN, &yes, 1},
                                {CKA_MODULUS_BITS, &bits, sizeof bits},
                                {CKA_PUBLIC_EXPONENT, exponent, sizeof exponent},
                                {CKA_LABEL, label.data(), label.size()},
                                {CKA_ID, id.data(), id.size()}};
    CK_ATTRIBUTE secret_part[] = {{CKA_TOKEN, &yes, 1},
                                  {CKA_PRIVATE, &yes, 1},
                                  {CKA_SIGN, &may_sign, 1},
                                  {CKA_LABEL, label.data(), label.size()},
                                  {CKA_ID, id.data(), id.size()}};
    CK_OBJECT_HANDLE a = 0, b = 0;
    EXPECT_EQ(p->C_GenerateKeyPair(session, &mechanism, open_part, 5, secret_part, 5, &a, &b), CKR_OK);
    return b;
  }
  /// A certificate object; its bytes are none, which SoftHSM does not mind.
  CK_RV make_certificate(std::string label, std::string id) {
    CK_OBJECT_CLASS object_class = CKO_CERTIFICATE;
    CK_CERTIFICATE_TYPE type = CKC_X_509;
    CK_BBOOL yes = CK_TRUE;
    unsigned char some[] = {0x30, 0x00};
    CK_ATTRIBUTE all[] = {{CKA_CLASS, &object_class, sizeof object_class},
                          {CKA_CERTIFICATE_TYPE, &type, sizeof type},
                          {CKA_TOKEN, &yes, 1},
                          {CKA_SUBJECT, some, sizeof some},
                          {CKA_VALUE, some, sizeof some},
                          {CKA_LABEL, label.data(), label.size()},
                          {CKA_ID, id.data(), id.size()}};
    CK_OBJECT_HANDLE made = 0;
    return p->C_CreateObject(session, all, 7, &made);
  }
};

}  // namespace p11tape::test
