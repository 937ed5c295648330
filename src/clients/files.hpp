// SPDX-License-Identifier: Apache-2.0
// Reading and replacing files. A file is replaced by a new one of the same owner, mode, access list, labels and other
// extended attributes, in one rename: at every instant its name leads to the old bytes or to the new ones.
#pragma once

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "clients/secret_buffer.hpp"

namespace p11tape::clients {

/// What could not be done, in a sentence for people.
class file_error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Called before each step that changes something, with the step's name; tests make it stop the process there.
using before_step = std::function<void(std::string_view step)>;

inline constexpr std::size_t largest_configuration = 16 * 1024 * 1024;

/// The whole file. Throws file_error where it cannot be read, is no regular file, or is larger than `limit`.
secret_buffer read_whole(const std::string& path, std::size_t limit = largest_configuration);

bool exists(const std::string& path) noexcept;
bool same_file(const std::string& a, const std::string& b) noexcept;

/// The path with all links resolved; throws file_error.
std::string real_path(const std::string& path);

std::string folder_of(std::string_view path);
std::string_view file_of(std::string_view path) noexcept;

/// Replaces the bytes of a file. Throws file_error, the file then being as before.
void replace_file(const std::string& path, std::string_view bytes, const before_step& step);

/// Writes a file that need not exist yet, with this mode, in one rename.
void write_file(const std::string& path, std::string_view bytes, unsigned mode, const before_step& step);

/// Removes what an interrupted replacement of the file left beside it.
void remove_leftover(const std::string& path) noexcept;

/// A second name for a file, or where that cannot be, a copy with all attributes and times.
void back_up(const std::string& path, const std::string& backup, const before_step& step);

/// Renames, and waits until the folder is on the disk.
void move_file(const std::string& from, const std::string& to, const before_step& step);

/// Removes a name, and waits until the folder is on the disk.
void remove_file(const std::string& path, const before_step& step);

}  // namespace p11tape::clients
