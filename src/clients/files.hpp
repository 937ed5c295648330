// SPDX-License-Identifier: Apache-2.0
// Reading files, and parts of their names.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "clients/secret_buffer.hpp"

namespace p11tape::clients {

/// What could not be done, in a sentence for people.
class file_error : public std::runtime_error {
 public:
  explicit file_error(const std::string& what);  ///< names are escaped in it
};

inline constexpr std::size_t largest_configuration = 16 * 1024 * 1024;

/// The whole file. Throws file_error where it cannot be read, is no regular file, or is larger than `limit`.
secret_buffer read_whole(const std::string& path, std::size_t limit = largest_configuration);

/// The same of an open file, from its beginning; `path` is for the message.
secret_buffer read_whole(int descriptor, const std::string& path, std::size_t limit = largest_configuration);

bool exists(const std::string& path) noexcept;
bool same_file(const std::string& a, const std::string& b) noexcept;

/// The path with all links resolved; throws file_error.
std::string real_path(const std::string& path);

std::string folder_of(std::string_view path);
std::string_view file_of(std::string_view path) noexcept;

}  // namespace p11tape::clients
