// SPDX-License-Identifier: Apache-2.0
// Replacing files of a directory. A file is replaced by a new one of the same owner, mode, access list, labels and
// other extended attributes, in one rename: at every instant its name leads to the old bytes or to the new ones.
//
// Every function works in an opened directory, and compares device and inode before a name is used again.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "clients/swap/directory.hpp"

namespace p11tape::clients {

/// Called before each step that changes something, with the step's name; tests make it stop the process there.
using before_step = std::function<void(std::string_view step)>;

/// A file that was opened to be read and changed.
struct opened_file {
  file_location at;
  descriptor bytes;
  struct stat status {};
  file_id id() const noexcept { return id_of(status); }
};

/// Opens a regular file, which must not be a link. Throws file_error.
opened_file open_to_change(file_location at);

/// Replaces the file's bytes, if the name still leads to it. Throws file_error, the file then being as before.
void replace_file(const opened_file& old, std::string_view bytes, const before_step& step);

/// Writes a file that need not exist, with this mode, in one rename.
void write_file(const file_location& at, std::string_view bytes, unsigned mode, const before_step& step);

/// Removes what an interrupted replacement of the file left beside it.
void remove_leftover(const file_location& at) noexcept;

/// A second name for the file, or where that is not possible, a copy with all attributes and times. `note` gets device
/// and inode of the backup before its name is there.
void back_up(const opened_file& file, const std::string& backup, const std::function<void(const file_id&)>& note,
             const before_step& step);

/// Renames that file within its directory, over the file `replaced` if one is given, and waits until the directory is
/// on the disk.
void rename_file(const directory& in, const std::string& from, const file_id& file, const std::string& to,
                 const before_step& step, const file_id* replaced = nullptr);

/// Removes a name, and waits until the directory is on the disk.
void remove_file(const directory& in, const std::string& name, const before_step& step);

}  // namespace p11tape::clients
