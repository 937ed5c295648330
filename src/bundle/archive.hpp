// SPDX-License-Identifier: Apache-2.0
// An archive to mail: tar (POSIX ustar), packed by gzip, or by the program zstd, as its name says. The archive has no name
// until finish(), so that whatever goes wrong before leaves nothing behind.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace p11tape::bundle {

/// SHA-256 in hexadecimal.
std::string checksum_of(std::string_view content);

class archive {
 public:
  /// `path` ends with .tar.gz, .tgz or .tar.zst, and must not exist. Everything lies in the directory `top` of the archive.
  /// Throws std::runtime_error, as all of these functions do.
  archive(const std::string& path, std::string top, std::uint64_t modified);
  ~archive();
  archive(const archive&) = delete;
  archive& operator=(const archive&) = delete;

  void add(const std::string& name, std::string_view content);
  void add_file(const std::string& name, const std::string& from);

  /// Adds SHA256SUMS, which `sha256sum -c` reads, and gives the archive its name.
  void finish();

 private:
  class sink;
  void begin(const std::string& name, std::uint64_t size);
  void end(const std::string& name, std::uint64_t size, const std::string& sum);

  std::string path_, top_;
  std::uint64_t modified_;
  std::unique_ptr<sink> to_;
  std::string sums_;
};

/// Whether the name says how the archive is to be packed.
bool is_archive_name(std::string_view path) noexcept;

}  // namespace p11tape::bundle
