// SPDX-License-Identifier: Apache-2.0
// Opening the directory that the recorder writes to.
//
// Root may write to a directory of another user, such as one that a queue manager's user prepared: every file there is
// made anew under a descriptor of the directory, and nobody but its owner can do anything with its contents. What that
// user must not decide is *which* directory it is. A symbolic link in the path leads root's files wherever its owner
// likes, so a process of root, or a setuid program, follows only links of root and of its effective user.
#pragma once

#include <sys/types.h>

namespace p11tape::tape {

struct directory_wish {
  const char* path;
  bool make;         ///< create it (0700, one level) if it is missing
  bool follow_last;  ///< the path may itself be a symbolic link
};

struct opened_directory {
  int descriptor = -1;        ///< O_PATH; -1: `error` says why
  int error = 0;              ///< errno
  bool foreign_link = false;  ///< a link of `link_owner` is in the path
  uid_t link_owner = 0;
};

opened_directory open_directory(const directory_wish& wish) noexcept;

/// True if this process has rights that other users want: their links and files are looked at before they are used.
bool is_privileged() noexcept;

}  // namespace p11tape::tape
