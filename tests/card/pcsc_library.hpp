// SPDX-License-Identifier: Apache-2.0
// What tests can do to the virtual reader of pcsc_library.cpp: they find this structure by name in the loaded library.
#pragma once

#include <atomic>

namespace p11tape::virtual_card {

inline constexpr const char* reader_name = "virtual_reader";

/// How the reader answers from now on.
enum class trouble : int {
  none,
  removed,    ///< the card has been pulled: SCARD_W_REMOVED_CARD
  reset,      ///< once: another program has reset the card, SCARD_W_RESET_CARD
  exclusive,  ///< another program holds it: SCARD_E_SHARING_VIOLATION
  broken,     ///< SCardTransmit fails: SCARD_F_COMM_ERROR
};

struct reader {
  std::atomic<trouble> now;
  std::atomic<unsigned> transmitted;   ///< how many SCardTransmit reached the card
  std::atomic<unsigned> milliseconds;  ///< how long each takes
};

}  // namespace p11tape::virtual_card
