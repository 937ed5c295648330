// SPDX-License-Identifier: Apache-2.0
#include "clients/swap/backup.hpp"

#include <sys/stat.h>

#include <algorithm>

namespace p11tape::clients {

std::vector<file_id> noted_backups(const reading& r, const std::string& file) {
  std::vector<file_id> out;
  for (const auto& module : r.modules) {
    const auto settings = read_copy_settings(settings_beside(module.path));
    if (!settings || !is_recorder(module.path)) continue;
    if (const auto noted = backup_noted_for(*settings, file)) out.push_back(*noted);
  }
  return out;
}

std::string why_no_backup(const opened_file& file, const struct stat& backup, const std::vector<file_id>& noted) {
  if (!S_ISREG(backup.st_mode)) return "it is not a regular file";
  if (backup.st_uid != file.status.st_uid || backup.st_gid != file.status.st_gid)
    return "it belongs to " + user_name(backup.st_uid) + ", and the configuration to " + user_name(file.status.st_uid);
  if (backup.st_mode != file.status.st_mode) return "its mode is not that of the configuration";
  if (noted.empty())
    return file.at.where.is_private() ? "" : "others can write to the directory, and no swap has noted it";
  // Device numbers change when the system restarts, so what counts is that both are on one device.
  const bool known = backup.st_dev == file.status.st_dev &&
                     std::any_of(noted.begin(), noted.end(), [&](const auto& n) { return n.inode == backup.st_ino; });
  return known ? "" : "it is not the file that the swap has noted";
}

}  // namespace p11tape::clients
