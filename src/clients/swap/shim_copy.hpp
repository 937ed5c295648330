// SPDX-License-Identifier: Apache-2.0
// A client's own copy of the recorder: NAME.so, with NAME.yaml beside it that names the real module. One shared copy
// could stand for one module only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clients/files.hpp"
#include "clients/swap/file_changes.hpp"

namespace p11tape::clients {

struct shim_copy {
  std::string library;   ///< /usr/local/lib/pkcs11/p11mq.so
  std::string settings;  ///< /usr/local/lib/pkcs11/p11mq.yaml
};

/// `tag`: "mq", "java", ...
shim_copy copy_for(std::string_view folder, std::string_view tag);

/// The settings file that a recorder of this path reads first.
std::string settings_beside(std::string_view library);

/// True where the file is a recorder of ours, by a mark that every recorder has in it.
bool is_recorder(const std::string& path);

/// A comment in the settings of a copy: which file is the backup of a configuration that names the copy.
struct noted_backup {
  std::string of;  ///< the configuration, as it is written there
  file_id file;
};

struct copy_settings {
  std::string module;       ///< the real module
  std::string configured;   ///< as the client's configuration named it, where that was noted
  std::string tape_folder;  ///< the setting `dir`; empty for the recorder's default
  std::vector<noted_backup> backups;
};

/// What the settings file of a copy says; nothing where there is none, or it names no module.
std::optional<copy_settings> read_copy_settings(const std::string& settings);

/// The text of a new settings file.
std::string compose_settings(const copy_settings& s, std::string_view client);

/// The text of settings with the note of a configuration's backup, instead of an earlier one.
std::string with_backup(std::string_view text, const std::string& configuration, const file_id& backup);

/// Removes that note, if there is one and this user may change the file.
void forget_backup(const file_location& settings, const std::string& configuration, const before_step& step);

/// The backup that is noted for the configuration.
std::optional<file_id> backup_noted_for(const copy_settings& s, const std::string& configuration);

}  // namespace p11tape::clients
