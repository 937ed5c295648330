// SPDX-License-Identifier: Apache-2.0
// Putting the recorder into the place of a module, and taking it out again.
//
//   swap      1  the client's own copy of the recorder    p11mq.so
//             2  its settings file                        p11mq.yaml     module: the real path
//             3  a backup of the configuration            mqclient.ini.before-p11tape   (a second name of the same
//             file) 4  the configuration, with the copy's path in the module's place, by one rename
//   restore   the backup's name becomes the configuration's again: the very same file, with all that belongs to it
//
// The process may die between any two steps: the configuration is then the old one, or the new one with everything in
// place that it needs. Both commands may be repeated. Where the configuration was edited after the swap, restore
// changes the module's path back and nothing else.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clients/clients.hpp"
#include "clients/files.hpp"
#include "clients/formats/module_file.hpp"
#include "clients/swap/file_changes.hpp"

namespace p11tape::clients {

enum class outcome : std::uint8_t {
  done,
  nothing_to_do,  ///< it was so already
  refused,        ///< the configuration is not one that can be changed safely; `report` says why
};

struct swap_result {
  outcome what = outcome::done;
  std::vector<std::string> report;   ///< what was done, a sentence each; or why it was refused
  std::vector<std::string> restart;  ///< what must be restarted
  std::string difference;            ///< the lines that change, - and +; passwords hidden
  std::string copy;                  ///< the client's copy of the recorder, if it is in place now
};

struct swap_request {
  client kind = client::mq_ini;
  std::string file;         ///< the configuration
  std::string shim;         ///< the recorder to copy
  std::string into;         ///< folder of the copy; empty: that of the recorder
  std::string tape_folder;  ///< the setting `dir`; empty: the recorder's default
  std::string only;         ///< name or path of the module, where the file has several
  bool dry_run = false;
  std::optional<file_user> user =
      std::nullopt;  ///< who runs the client and writes the tapes; nothing where that is not known
};

/// Throws file_error where something cannot be read or written.
swap_result swap_in(
    const swap_request& request, const before_step& step = [](std::string_view) {});

struct restore_request {
  client kind = client::mq_ini;
  std::string file;
  bool remove_copy = false;  ///< also remove the copy and its settings
  bool dry_run = false;
};

swap_result restore(
    const restore_request& request, const before_step& step = [](std::string_view) {});

/// For strings that are kept elsewhere (SSLCRYP, MQSSLCRYP): makes the copy, and says the new string and the commands.
struct string_swap {
  swap_result result;
  std::string shown;  ///< the new string, with <password> to be filled in
  std::string mqsc;   ///< ALTER QMGR ..., with <password> to be filled in
  std::string shell;  ///< export MQSSLCRYP=...
};
string_swap swap_string(
    std::string_view text, const swap_request& request, const before_step& step = [](std::string_view) {});

/// The way back: the string with the module that the copy stands for.
string_swap restore_string(std::string_view text);

/// The name of the backup of a configuration file.
std::string backup_of(const std::string& file);

}  // namespace p11tape::clients
