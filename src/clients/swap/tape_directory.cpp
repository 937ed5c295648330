// SPDX-License-Identifier: Apache-2.0
#include "clients/swap/tape_directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "text/shell.hpp"

namespace p11tape::clients {
namespace {

// By owner, group and mode; access lists may grant or deny more.
bool may_write(const struct stat& st, const file_user& user) {
  if (user.uid == 0) return true;
  constexpr mode_t wanted = S_IWOTH | S_IXOTH;
  if (st.st_uid == user.uid) return (st.st_mode >> 6 & wanted) == wanted;
  const bool of_group = std::find(user.groups.begin(), user.groups.end(), st.st_gid) != user.groups.end();
  return ((of_group ? st.st_mode >> 3 : st.st_mode) & wanted) == wanted;
}

std::string command_for(const std::string& path, const std::string& user) {
  return "install -d -o " + text::shell_word(user) + " -m 0700 " + text::shell_word(path);
}

}  // namespace

std::string tape_directory_conflict(const swap_request& request) {
  const auto& path = request.tape_folder;
  if (path.empty()) return "";
  struct stat st {};
  const bool there = ::stat(path.c_str(), &st) == 0;
  if (there && !S_ISDIR(st.st_mode)) return path + ": not a directory.";
  if (!request.user)
    return there ? "" : path + ": does not exist, and who runs the client is not known (name the user with --user).";
  const auto& user = *request.user;
  if (there) {
    if (may_write(st, user)) return "";
    const auto mend = st.st_uid == user.uid ? "chmod u+wx " : "chown " + text::shell_word(user.name) + " ";
    return path + ": user " + user.name + ", who runs the client, cannot write there (" + mend +
           text::shell_word(path) + ").";
  }
  if (!exists(folder_of(path))) return path + ": the directory above it does not exist.";
  const auto above = locate(path).where;
  if (!is_root() && user.uid != ::geteuid())
    return path + ": does not exist, and only root can make it for user " + user.name + " (" +
           command_for(path, user.name) + ").";
  if (is_root() && above.owner() != 0 && above.owner() != user.uid)
    return path + ": the directory above it belongs to user " + user_name(above.owner()) + " (" +
           command_for(path, user.name) + ").";
  return "";
}

void make_tape_directory(const swap_request& request, swap_result& result, undo_list& undo, const before_step& step) {
  const auto& path = request.tape_folder;
  if (path.empty() || exists(path) || !request.user) return;
  const file_location where = locate(path);
  step("create the directory of the tapes");
  const directory made = make_directory(where);
  undo.add([parent = where.where, name = where.name] {
    const acting_as_owner owner(parent);
    ::unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR);
  });
  const auto& user = *request.user;
  if (::fchmod(made.get(), 0700) != 0 ||
      (is_root() &&
       ::fchown(made.get(), user.uid, user.groups.empty() ? static_cast<gid_t>(-1) : user.groups.front()) != 0))
    throw file_error(path + ": cannot be given to user " + user.name + ": " + std::strerror(errno));
  result.report.push_back("Created " + path + " for user " + user.name + ".");
}

}  // namespace p11tape::clients
