// SPDX-License-Identifier: Apache-2.0
// OpenSSH: PKCS11Provider in ssh_config, and the paths that ssh-agent accepts.
#pragma once

#include <string>
#include <string_view>

#include "clients/reading.hpp"

namespace p11tape::clients {

inline constexpr std::string_view ssh_agent_patterns = "/usr/lib*/*,/usr/local/lib*/*";  ///< of ssh-agent without -P

/// True where ssh-agent would load the module: `real_path` has its links resolved. `*` and `?` match slashes too, `!`
/// before a pattern refuses what it matches.
bool ssh_agent_accepts(std::string_view real_path, std::string_view patterns = ssh_agent_patterns) noexcept;

reading read_ssh_config(std::string_view text);

/// Adds what ssh-agent thinks of a path.
void check_ssh_agent(findings& out, std::string_view path, std::string_view real_path);

}  // namespace p11tape::clients
