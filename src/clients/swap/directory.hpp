// SPDX-License-Identifier: Apache-2.0
// A directory that is opened once, and the user as whom p11tape works there.
//
// A path means something new each time it is resolved: whoever owns one of its directories can put a symbolic link in
// the place of another between two steps. So a path is resolved once, component by component, and everything after that
// is done relative to the opened directory.
//
// Root also works in directories of other users. There it takes on the owner's rights and gives up its own, so that a
// link or a file that the owner planted reaches nothing that the owner could not reach alone. A path through the
// directories of two different users is refused.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clients/descriptor.hpp"
#include "clients/files.hpp"

namespace p11tape::clients {

/// What makes a file the same file, whatever its name.
struct file_id {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const file_id&) const = default;
};
inline file_id id_of(const struct stat& st) noexcept { return {st.st_dev, st.st_ino}; }

class directory {
 public:
  directory() = default;
  directory(descriptor opened, std::string path);

  int get() const noexcept { return fd_->get(); }
  const std::string& path() const noexcept { return path_; }
  std::string path_of(const std::string& name) const { return (path_ == "/" ? "" : path_) + "/" + name; }
  uid_t owner() const noexcept { return owner_; }
  const file_id& id() const noexcept { return id_; }

  /// True where nobody but root and the owner can add, rename or remove files.
  bool is_private() const noexcept { return private_; }

  /// The file of that name, without following a link; nothing where there is none. Throws file_error.
  std::optional<struct stat> look(const std::string& name) const;
  bool has(const std::string& name) const { return look(name).has_value(); }

  /// Opens a regular file for reading, without following a link. Throws file_error.
  descriptor open_file(const std::string& name) const;

  /// Throws file_error unless the name still leads to that file.
  void expect(const std::string& name, const file_id& file) const;

  /// Waits until the names are on the disk.
  void sync() const;

  /// Keeps other swaps out of the directory until the object goes. Throws file_error after some seconds of waiting.
  void lock() const;

 private:
  std::shared_ptr<const descriptor> fd_;  // copies of the object share it
  std::string path_;
  file_id id_;
  uid_t owner_ = 0;
  bool private_ = true;
};

/// A file's place: its directory, opened, and its name there. The name is not that of a link; the file may be missing.
struct file_location {
  directory where;
  std::string name;
  std::string path() const { return where.path_of(name); }
};

/// Resolves a path, with links. Throws file_error where a directory is missing, or where root would have to trust
/// directories or links of several users.
file_location locate(const std::string& path);

/// The directory of that path. Throws file_error as locate() does.
directory find_directory(const std::string& path);

/// Makes a directory in another one, mode 0755, unless it is there, and opens it. Throws file_error.
directory make_directory(const file_location& where);

/// True for root, also while it acts as somebody else.
bool is_root() noexcept;

/// While it lives, root has the rights of the directory's owner and no others. Without effect for everybody else. One
/// inside another counts. Throws file_error.
class acting_as_owner {
 public:
  explicit acting_as_owner(const directory& of);
  acting_as_owner(const acting_as_owner&) = delete;
  acting_as_owner& operator=(const acting_as_owner&) = delete;
  ~acting_as_owner();

 private:
  struct rights {
    uid_t user = 0;
    gid_t group = 0;
    std::vector<gid_t> groups;
  };
  static bool become(const rights& r) noexcept;
  void back() noexcept;

  bool acting_ = false;
  rights before_;
};

/// "root", "alice" or "1234", for messages.
std::string user_name(uid_t user);

}  // namespace p11tape::clients
