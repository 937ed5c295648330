// SPDX-License-Identifier: Apache-2.0
// The calls that IBM's GSKit makes of a PKCS#11 module, in their order, as far as they are known: look at all tokens,
// take the one of the label, log in, find the certificate and its key, sign.
//
// What goes wrong is told as runmqakm tells it: for a wrong label and a wrong PIN with the same two messages.
#pragma once

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "cryptoki/pkcs11.hpp"

namespace p11tape::test {

struct gskit_job {
  std::string token_label, pin;
  std::string certificate_label;  ///< empty: only log in and list
};

class gskit {
 public:
  explicit gskit(CK_FUNCTION_LIST* functions) : p(functions) {}

  /// 0, or 1 after the messages that runmqakm prints.
  int run(const gskit_job& job) {
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    if (p->C_Initialize(&arguments) != CKR_OK) return complain("CTGSK3026W");
    CK_INFO info{};
    p->C_GetInfo(&info);
    const int status = on_token(job);
    p->C_Finalize(nullptr);
    return status;
  }

 private:
  static int complain(const char* also) {
    std::printf("CTGSK3026W The key file \"pkcs11\" does not exist or cannot be read.\n");
    if (std::strcmp(also, "CTGSK2137W") == 0)
      std::printf("CTGSK2137W The label does not exist on the PKCS#11 device.\n");
    return 1;
  }

  // A label is 32 bytes, padded with blanks: compared without the padding.
  static bool is_label(const CK_UTF8CHAR (&raw)[32], const std::string& wanted) {
    std::string_view text(reinterpret_cast<const char*>(raw), sizeof raw);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text == wanted;
  }

  int on_token(const gskit_job& job) {
    CK_ULONG count = 0;
    p->C_GetSlotList(CK_TRUE, nullptr, &count);
    std::vector<CK_SLOT_ID> slots(count);
    if (p->C_GetSlotList(CK_TRUE, slots.data(), &count) != CKR_OK) return complain("CTGSK2137W");
    for (const auto slot : slots) {
      CK_SLOT_INFO slot_info{};
      CK_TOKEN_INFO token{};
      p->C_GetSlotInfo(slot, &slot_info);
      if (p->C_GetTokenInfo(slot, &token) != CKR_OK || !is_label(token.label, job.token_label)) continue;
      return with_session(slot, job);
    }
    return complain("CTGSK2137W");
  }

  int with_session(CK_SLOT_ID slot, const gskit_job& job) {
    CK_ULONG count = 0;
    p->C_GetMechanismList(slot, nullptr, &count);
    std::vector<CK_MECHANISM_TYPE> mechanisms(count);
    p->C_GetMechanismList(slot, mechanisms.data(), &count);
    CK_SESSION_HANDLE session = 0;
    if (p->C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session) != CKR_OK) return complain("CTGSK2137W");
    int status = 0;
    auto* pin = reinterpret_cast<CK_UTF8CHAR_PTR>(const_cast<char*>(job.pin.data()));
    const auto logged_in = p->C_Login(session, CKU_USER, pin, job.pin.size());
    if (logged_in != CKR_OK && logged_in != CKR_USER_ALREADY_LOGGED_IN)
      status = complain("CTGSK2137W");
    else if (!job.certificate_label.empty())
      status = use_certificate(session, job);
    p->C_CloseSession(session);
    return status;
  }

  std::vector<CK_OBJECT_HANDLE> find(CK_SESSION_HANDLE session, std::vector<CK_ATTRIBUTE> wanted) {
    std::vector<CK_OBJECT_HANDLE> found(16);
    CK_ULONG count = 0;
    if (p->C_FindObjectsInit(session, wanted.data(), wanted.size()) != CKR_OK) return {};
    if (p->C_FindObjects(session, found.data(), found.size(), &count) != CKR_OK) count = 0;
    p->C_FindObjectsFinal(session);
    found.resize(count);
    return found;
  }

  int use_certificate(CK_SESSION_HANDLE session, const gskit_job& job) {
    CK_OBJECT_CLASS certificate = CKO_CERTIFICATE, key = CKO_PRIVATE_KEY;
    auto label = job.certificate_label;
    const auto certificates =
        find(session, {{CKA_CLASS, &certificate, sizeof certificate}, {CKA_LABEL, label.data(), label.size()}});
    if (certificates.empty()) return complain("CTGSK2137W");
    unsigned char id[64];
    CK_ATTRIBUTE asked[] = {{CKA_ID, nullptr, 0}, {CKA_VALUE, nullptr, 0}};
    p->C_GetAttributeValue(session, certificates[0], asked, 2);
    std::vector<unsigned char> value(asked[1].ulValueLen == CK_UNAVAILABLE_INFORMATION ? 0 : asked[1].ulValueLen);
    CK_ATTRIBUTE its_value{CKA_VALUE, value.data(), value.size()};
    p->C_GetAttributeValue(session, certificates[0], &its_value, 1);
    CK_ATTRIBUTE its_id{CKA_ID, id, sizeof id};
    if (p->C_GetAttributeValue(session, certificates[0], &its_id, 1) != CKR_OK) return complain("CTGSK2137W");
    const auto keys = find(session, {{CKA_CLASS, &key, sizeof key}, {CKA_ID, id, its_id.ulValueLen}});
    if (keys.empty()) return complain("CTGSK2137W");
    CK_MECHANISM mechanism{CKM_RSA_PKCS, nullptr, 0};
    unsigned char data[51] = {0x30, 0x31}, signature[1024];
    CK_ULONG size = sizeof signature;
    if (p->C_SignInit(session, &mechanism, keys[0]) != CKR_OK) return complain("CTGSK3026W");
    return p->C_Sign(session, data, sizeof data, signature, &size) == CKR_OK ? 0 : complain("CTGSK3026W");
  }

  CK_FUNCTION_LIST* p;
};

}  // namespace p11tape::test
