// SPDX-License-Identifier: Apache-2.0
// For commands that handle PINs: this process leaves no core dump, and other users cannot read its memory.
#pragma once

#include <sys/prctl.h>
#include <sys/resource.h>

namespace p11tape::clients {

/// Children inherit the limit; after exec they have to ask for the rest again.
inline void no_core_dumps() noexcept {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace p11tape::clients
