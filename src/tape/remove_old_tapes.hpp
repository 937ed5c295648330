// SPDX-License-Identifier: Apache-2.0
// Which tapes of a directory stay. Runs inside the host, when it creates a tape of its own.
//
// Tapes are removed only to get below a bound: the space that the tapes of one user take on the disk and, if wanted, their number. The
// oldest goes first, by the start time in its name. Of processes that have ended, tapes with a failure or with a call that never
// returned go last. Then come tapes whose process may still run, and only for the space. A tape whose process runs never goes.
//
// The host waits meanwhile, so the work is bounded: so many names are read, so many files examined, so many removed. With more
// than 2,000 tapes the space is estimated from a sample, which every start takes anew.
#pragma once

#include "p11tape/layout.hpp"

namespace p11tape::tape {

struct retention {
  u64 bytes;          ///< on the disk; 0: no bound
  u64 protected_for;  ///< ns: a younger tape is removed for `bytes` only
  u32 tapes;          ///< 0: no bound
};

/// `own`: the name of the new tape in that directory. `ours`: its header.
void remove_old_tapes(int directory, const char* own, const retention& bounds, const file_header& ours) noexcept;

}  // namespace p11tape::tape
