// SPDX-License-Identifier: Apache-2.0
// A log as lines of UTF-8, wherever it comes from: a file or standard input; gzip or not; UTF-8, UTF-16 with either
// byte order (PowerShell's redirection), with or without a byte order mark; lines that end in LF, CR LF or CR CR LF.
//
// It is read in pieces, so memory is bounded whatever the size of the log. A line longer than `longest_line` is cut.
#pragma once

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace p11tape::import {

inline constexpr std::size_t longest_line = 4 << 20;

class input {
 public:
  /// "-" is standard input. Throws std::runtime_error with a sentence that names the file.
  explicit input(const std::string& path);
  /// Of bytes in memory, for tests.
  static input of_text(std::string text);
  input(input&&) noexcept;
  ~input();

  /// The next line without its end, valid until the next call; nullopt at the end. Throws where reading fails.
  std::optional<std::string_view> next();

  /// Bytes of the log that were read so far, unpacked.
  std::uint64_t bytes() const noexcept;
  /// A line was longer than the longest that is kept.
  bool cut_lines() const noexcept;
  /// The file is packed, and ends before its data do.
  bool incomplete() const noexcept;

 private:
  struct state;
  explicit input(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

/// Takes off a line what pasting, mailing and collecting have put around it: quotation marks of mail ("> "), HTML's
/// character references, no-break blanks, the prefix of syslog and of container logs. A line of nothing but a Markdown
/// fence becomes empty. `room` holds the result where it is not a piece of the line.
std::string_view without_wrapping(std::string_view line, std::string& room);

}  // namespace p11tape::import
