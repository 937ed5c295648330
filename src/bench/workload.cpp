// SPDX-License-Identifier: Apache-2.0
#include "bench/workload.hpp"

#include <cstring>
#include <ctime>
#include <iterator>

namespace p11tape::bench {
namespace {

constexpr CK_SESSION_HANDLE session = 7;

constexpr workload all[] = {
    {floor_name,
     [](workspace&) {
       timespec t;
       clock_gettime(CLOCK_MONOTONIC, &t);
       clock_gettime(CLOCK_MONOTONIC, &t);
     }},
    {"C_GetSessionInfo", [](workspace& w) { w.list->C_GetSessionInfo(session, &w.session_info); }},
    {"C_Sign",
     [](workspace& w) {
       CK_ULONG size = sizeof w.signature;
       w.list->C_Sign(session, w.data, sizeof w.data, w.signature, &size);
     }},
    {"C_FindObjectsInit", [](workspace& w) { w.list->C_FindObjectsInit(session, w.search, std::size(w.search)); }},
    {"C_GetAttributeValue",
     [](workspace& w) { w.list->C_GetAttributeValue(session, 12, w.wanted, std::size(w.wanted)); }},
    {"C_GetAttributeValue x3", [](workspace& w) { w.list->C_GetAttributeValue(session, 12, w.wanted, 3); }},
    {"C_Encrypt",
     [](workspace& w) {
       CK_ULONG size = sizeof w.ciphertext;
       w.list->C_Encrypt(session, w.plaintext, sizeof w.plaintext, w.ciphertext, &size);
     }},
};

}  // namespace

std::span<const workload> workloads() noexcept { return all; }

workspace::workspace(const CK_FUNCTION_LIST* functions)
    : list(functions),
      search{{CKA_CLASS, &object_class, sizeof object_class},
             {CKA_KEY_TYPE, &key_type, sizeof key_type},
             {CKA_ID, id, sizeof id}},
      wanted{{CKA_CLASS, &object_class, sizeof object_class},
             {CKA_KEY_TYPE, &key_type, sizeof key_type},
             {CKA_ID, id, sizeof id},
             {CKA_LABEL, label, sizeof label},
             {CKA_MODULUS_BITS, &modulus_bits, sizeof modulus_bits}} {
  std::memset(label, 'k', sizeof label);
  std::memset(data, 0x5a, sizeof data);
}

}  // namespace p11tape::bench
