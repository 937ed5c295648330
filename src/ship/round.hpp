// SPDX-License-Identifier: Apache-2.0
// One round: what waits is sent, what is new on the tapes goes into the spool, and is sent.
#pragma once

#include "ship/options.hpp"

namespace p11tape::ship {

struct round_result {
  std::uint64_t batches = 0, rows = 0;  ///< confirmed by the server
  std::uint64_t waiting = 0;            ///< batches left in the spool
  bool spool_full = false;              ///< rows were left on the tapes for lack of room
  std::string trouble;                  ///< of the server
  std::vector<std::string> bad_tapes;   ///< sentences about tapes that cannot be read
};

round_result run_round(const options& o, spool& box, sender& to, const std::atomic<bool>& stop);

}  // namespace p11tape::ship
