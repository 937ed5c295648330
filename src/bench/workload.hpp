// SPDX-License-Identifier: Apache-2.0
// The calls that are measured: what applications call most, and what each kind of argument costs.
//
// Every call is reached through one function pointer, in the module itself as through whatever stands in front of it,
// so that the difference of two measurements is the cost of what stands between.
#pragma once

#include <span>
#include <string_view>

#include "cryptoki/pkcs11.hpp"

namespace p11tape::bench {

/// The memory that one thread's calls point at.
struct workspace {
  explicit workspace(const CK_FUNCTION_LIST* functions);
  workspace(const workspace&) = delete;
  workspace& operator=(const workspace&) = delete;

  const CK_FUNCTION_LIST* list;
  CK_SESSION_INFO session_info{};
  CK_BYTE data[32]{};
  CK_BYTE signature[256]{};
  CK_BYTE plaintext[16 * 1024]{};
  CK_BYTE ciphertext[16 * 1024]{};

  CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
  CK_KEY_TYPE key_type = CKK_RSA;
  CK_ULONG modulus_bits = 2048;
  CK_BYTE id[20]{};
  CK_UTF8CHAR label[24]{};
  CK_ATTRIBUTE search[3];  ///< class, key type, ID
  CK_ATTRIBUTE wanted[5];  ///< class, key type, ID, label, size; the first three are a workload of their own
};

struct workload {
  std::string_view name;
  void (*call)(workspace&);
};

/// The floor of every recorder that times calls: two readings of the clock.
inline constexpr std::string_view floor_name = "two clock readings";

/// The floor first, then the calls.
std::span<const workload> workloads() noexcept;

}  // namespace p11tape::bench
