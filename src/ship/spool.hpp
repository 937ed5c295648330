// SPDX-License-Identifier: Apache-2.0
// Batches of rows that wait to be sent: compressed files in a directory of bounded size, the oldest first.
//
// A batch is on the disk, under its final name, before the state file says that its rows are exported: so a crash at any
// instant loses no row, and at worst makes a batch twice, of rows with the same keys.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace p11tape::ship {

struct batch {
  std::string path, table;
  std::uint64_t rows = 0, bytes = 0;
};

class spool {
 public:
  /// Creates the directory (mode 0700, one level). Throws std::runtime_error. `limit`: bytes that it does not pass.
  spool(std::string directory, std::uint64_t limit);
  ~spool();
  spool(const spool&) = delete;
  spool& operator=(const spool&) = delete;

  const std::string& directory() const noexcept { return directory_; }
  std::string state_file() const { return directory_ + "/state"; }

  /// Waiting batches, in the order in which they were made.
  std::vector<batch> waiting() const;

  /// False if there is no room for it: then nothing is written.
  bool add(const std::string& table, std::uint64_t rows, const std::string& lines);
  void remove(const batch& b);
  /// The content, still compressed.
  std::string read(const batch& b) const;

 private:
  std::string directory_;
  std::uint64_t limit_, used_ = 0, next_ = 1;
  int lock_ = -1;
};

}  // namespace p11tape::ship
