// SPDX-License-Identifier: Apache-2.0
// Long output on a terminal goes through $PAGER, as git's does: `less` shows what fits a screen without waiting, keeps
// colours and cuts long lines at the terminal's width. PAGER="" or "cat" switches it off.
#pragma once

#include <cstddef>
#include <string>

namespace p11tape::cli {

/// --color: when output is coloured. "auto": on a terminal, unless NO_COLOR is set or TERM is dumb.
bool wants_colour(const std::string& when);

/// The columns of the terminal that standard output is, between 60 and 160; 116 where it is none.
std::size_t columns();

/// The rows of the terminal that standard output is; 0 where it is none.
std::size_t rows();

class pager {
 public:
  /// Starts one where standard output is a terminal; else does nothing.
  explicit pager(bool wanted);
  pager(const pager&) = delete;
  pager& operator=(const pager&) = delete;
  /// Waits until the reader has left it.
  ~pager();

 private:
  int child_ = -1;
};

}  // namespace p11tape::cli
