// SPDX-License-Identifier: Apache-2.0
// Exit statuses of all commands.
#pragma once

namespace p11tape {

enum exit_code : int {
  exit_fine = 0,      ///< nothing wrong, alike, done
  exit_findings = 1,  ///< findings, a divergence, refused
  exit_unusable = 2,  ///< input or surroundings cannot be used
  exit_usage = 64,    ///< wrong usage
};

}  // namespace p11tape
