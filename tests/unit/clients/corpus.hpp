// SPDX-License-Identifier: Apache-2.0
// The corpus of configurations in tests/corpus: one folder a client, one file a case.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace corpus {

inline constexpr const char* password = "s3cr3t-0815";  ///< the one that every file with a password uses

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::vector<std::filesystem::path> sorted(const std::filesystem::path& folder, bool folders) {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_directory() == folders) out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

inline std::filesystem::path root() { return P11TAPE_CORPUS; }

}  // namespace corpus
