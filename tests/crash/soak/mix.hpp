// SPDX-License-Identifier: Apache-2.0
// A mixture of calls on a SoftHSM token, as applications make them, wrong ones among them.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <random>

#include "cryptoki/pkcs11.hpp"

namespace p11tape::soak {

inline constexpr const char* softhsm_path = "/usr/lib/softhsm/libsofthsm2.so";

/// A token in a folder of its own, and the environment that leads to it. Ends the program where that fails.
void make_token(const std::filesystem::path& folder);

inline CK_RV count_call(std::atomic<std::uint64_t>& calls, CK_RV rv) {
  ++calls;
  return rv;
}

/// One thread's calls. Each is counted in `calls` when it has returned.
class caller {
 public:
  caller(const CK_FUNCTION_LIST* list, unsigned seed, std::atomic<std::uint64_t>& calls)
      : list_(list), random_(seed), calls_(calls) {}

  /// Opens a session where there is none, and does one of the things that applications do in it.
  void some_calls();

  /// Closes the session.
  void finish();

 private:
  void open();
  void look_around();
  void find();
  void sign();
  void digest();
  void encrypt();
  void object();
  void mistakes();

  const CK_FUNCTION_LIST* list_;
  std::mt19937 random_;
  std::atomic<std::uint64_t>& calls_;
  CK_SESSION_HANDLE session_ = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE secret_ = CK_INVALID_HANDLE;
};

}  // namespace p11tape::soak
