// SPDX-License-Identifier: Apache-2.0
// The unit of a systemd service, as far as it decides who loads a module, and with which environment variables.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace p11tape::clients {

struct service_unit {
  std::string user, group;               ///< "" if the unit does not set them: root
  std::vector<std::string> environment;  ///< NAME=value, in order; a later one replaces an earlier one of its name
  std::vector<std::string> files;        ///< EnvironmentFile=; a leading - means that the file may be missing
};

/// Adds the settings of a unit file or drop-in, as systemd does: an empty value clears a list.
void read_unit(std::string_view text, service_unit& unit);

/// The variables of an EnvironmentFile=, in order.
std::vector<std::string> read_environment_file(std::string_view text);

/// Replaces the variable of that name, or appends it.
void set_variable(std::vector<std::string>& environment, std::string variable);

/// The unit NAME or NAME.service from systemd's directories with its drop-ins, or a unit file by its path; nothing if there
/// is no such file. `problems`: files that cannot be read.
std::optional<service_unit> find_unit(const std::string& name, std::vector<std::string>& problems);

/// What a service started by systemd has: a PATH, the user's HOME and names, and what its unit sets.
std::vector<std::string> environment_of(const service_unit& unit, std::vector<std::string>& problems);

}  // namespace p11tape::clients
