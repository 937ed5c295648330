// SPDX-License-Identifier: Apache-2.0
// The file of a module, without loading it: is it there, is it a PKCS#11 library for this machine, and may the user
// that runs the client get at it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clients/config_finding.hpp"

namespace p11tape::clients {

struct file_user {
  std::string name;
  uid_t uid = 0;
  std::vector<gid_t> groups;  ///< all of them, the first included
};

file_user current_user();
/// By name, or by number, as containers have users that no name is known of.
std::optional<file_user> user_named(const std::string& name);
std::optional<gid_t> group_named(const std::string& name);

struct module_file {
  std::string real_path;  ///< links resolved; empty where the file is not there
  bool loadable = false;  ///< a shared library for this machine, so that trying to load it makes sense
  bool recorder = false;  ///< it is p11tape.so
  std::string recorded;   ///< then: the module that its settings name
  findings found;
};

/// Whether the user may read the file and enter its directories, by owner, group and mode.
bool may_read(const std::string& path, const file_user& user);

/// Permissions are judged by owner, group and mode; access lists may grant or deny more.
module_file inspect_module(const std::string& path, const file_user& user);

/// Warns where everyone may read a configuration with a password in it.
void check_readers(findings& out, const std::string& path);

}  // namespace p11tape::clients
