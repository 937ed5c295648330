// SPDX-License-Identifier: Apache-2.0
// The backup of a configuration: making one, and telling it from a file that somebody else has put there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "clients/reading.hpp"
#include "clients/swap/file_changes.hpp"
#include "clients/swap/shim_copy.hpp"

namespace p11tape::clients {

/// The backups of the file that are noted in the settings of the copies which it names.
std::vector<file_id> noted_backups(const reading& r, const std::string& file);

/// Why that file cannot be the backup that a swap made of `file`; empty if it can. A backup is a regular file of the
/// same owner and mode whose inode was noted. Without any note (the copy was removed by hand), it counts only in a
/// directory where nobody but its owner and root can plant one.
std::string why_no_backup(const opened_file& file, const struct stat& backup, const std::vector<file_id>& noted);

}  // namespace p11tape::clients
