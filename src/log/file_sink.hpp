// SPDX-License-Identifier: Apache-2.0
// A log file that is put aside when it is full: FILE becomes FILE.1, FILE.1 becomes FILE.2, and so on.
//
// Several processes may write to the same file: each line is one append, whoever finds the file full puts it aside
// while it holds a lock on it, and whoever finds that the name belongs to another file by now goes over to that one.
//
// The directory is opened first, and the names in it are relative to it: a process of root may log into another user's
// directory, who must not choose by a link which file grows (tape/open_directory.hpp).
#pragma once

#include <sys/types.h>

#include <climits>

#include "log/sinks.hpp"

namespace p11tape::log {

class file_sink : public plain_sink {
 public:
  /// nullptr where the file cannot be opened, and then it has been said why.
  static std::shared_ptr<file_sink> open(const char* path, std::uint64_t size, unsigned files, complaint complain);

  file_sink(const char* path, std::uint64_t size, unsigned files, complaint complain);

 private:
  int write(const char* text, std::size_t size) noexcept override;
  const char* name() const noexcept override { return path_; }

  int open_directory() noexcept;
  int open_file() noexcept;
  int open_file_in(int directory) noexcept;
  bool still_ours(std::uint64_t& size) const noexcept;
  void put_aside() noexcept;
  void rename_files(int directory) noexcept;

  char path_[2 * PATH_MAX];
  char directory_[2 * PATH_MAX];
  const char* file_;  // the last component of path_
  std::uint64_t most_;
  unsigned files_;
  std::atomic<int> descriptor_{-1};
  std::atomic<std::uint64_t> device_{0}, inode_{0};
  std::atomic<bool> changing_{false}, regular_{false};
};

}  // namespace p11tape::log
