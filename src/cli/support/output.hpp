// SPDX-License-Identifier: Apache-2.0
// Standard output, buffered. When nobody reads it any more, writing ends quietly.
#pragma once

#include <string>

namespace p11tape::cli {

class output {
 public:
  ~output() { flush(); }

  /// What is appended here is written by the next flush_if_full() or flush().
  std::string& text() noexcept { return text_; }

  void flush_if_full() {
    if (text_.size() >= full) flush();
  }
  void flush();

  /// True once there is no use in writing more.
  bool closed() const noexcept { return closed_; }

  /// 0, or the errno of the failure where it was another than that nobody reads.
  int error() const noexcept { return error_; }

 private:
  static constexpr std::size_t full = 64 * 1024;
  std::string text_;
  bool closed_ = false;
  int error_ = 0;
};

/// Writes a file that may show what a tape shows, so that only its owner may read it; "-" is standard output. Throws
/// std::runtime_error.
void write_file(const std::string& path, const std::string& content);

}  // namespace p11tape::cli
