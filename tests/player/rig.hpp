// SPDX-License-Identifier: Apache-2.0
// A SoftHSM token, a recording of what a test does with it, and a player of that recording: all without a client.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cryptoki/tables.hpp"
#include "player/player.hpp"

namespace p11tape::test {

/// One folder for the whole test program, removed in the end.
const std::filesystem::path& folder();

inline constexpr char user_pin[] = "correct-pin";
inline constexpr char wrong_pin[] = "wrong-pin";

/// Records `client` in a child process, through p11tape.so, on a token with one RSA key pair, labelled "signer", that
/// needs a login. The tape's path. Fails the test where the child fails.
std::filesystem::path record(const char* profile, const std::function<void(CK_FUNCTION_LIST&)>& client);

/// Memory that a recorded client, in its child process, can leave results in.
struct results {
  CK_BYTE signature[8][8][256];
  CK_BYTE modulus[256];
  CK_ULONG count;
};
results& shared();

/// Makes a player of a tape. Its messages go to the file log().
class playing {
 public:
  explicit playing(const std::filesystem::path& tape, const char* delay = "none");

  template <class... A>
  CK_RV operator()(cryptoki::function f, A... arguments) {
    const tape::u64 words[] = {word(arguments)...};
    return player_.answer(f, words).value;
  }
  /// With arguments that are words already.
  CK_RV call(cryptoki::function f, const std::vector<tape::u64>& words) {
    return player_.answer(f, words.data()).value;
  }

  /// Initializes, and opens a session on the first slot.
  CK_SESSION_HANDLE open();

 private:
  template <class T>
  static tape::u64 word(T value) {
    if constexpr (std::is_pointer_v<T>) {
      return reinterpret_cast<std::uintptr_t>(value);
    } else if constexpr (std::is_null_pointer_v<T>) {
      return 0;
    } else {
      return static_cast<tape::u64>(value);
    }
  }
  player::player player_;
};

/// What players have said so far.
std::string said();

}  // namespace p11tape::test
