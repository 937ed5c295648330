// SPDX-License-Identifier: Apache-2.0
// The tapes that a command reads: those of its command line, or those of the default directory.
//
// Without an argument a command reads P11TAPE_DIR where that is set, else /var/tmp/p11tape-UID; as root also the
// directories of other users. The newest tape comes first there. A tape of another user is opened only if it is a
// regular file of that user: no link is followed and nothing is waited for.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/support/tapes.hpp"

namespace p11tape::cli {

class tape_options {
 public:
  /// `last`: what --last counts, "tapes" or "calls"; the command itself does the latter.
  void add_to(CLI::App& command, bool last_is_calls = false);

  /// Opens the tapes and says on standard error which directories were read and what cannot be read. Throws
  /// std::runtime_error for a --since that is not a time.
  open_tapes open();

  /// ns since 1970: only what was recorded from then on. 0 for everything. Known once open() has returned.
  tape::u64 since() const noexcept { return since_; }
  tape::u64 last() const noexcept { return last_; }

 private:
  std::vector<std::string> paths_;
  std::string since_text_;
  tape::u64 since_ = 0, last_ = 0;
  bool last_is_calls_ = false;
};

}  // namespace p11tape::cli
