// SPDX-License-Identifier: Apache-2.0
// All readers under one roof: by the kind of client.
#pragma once

#include <optional>
#include <string_view>

#include "clients/reading.hpp"

namespace p11tape::clients {

/// Reads `text` as the configuration of a client. `file_name`: last part of the path, some formats depend on it.
reading read_as(client kind, std::string_view text, std::string_view file_name);

/// "mq-ini", "mq-string", "keystore-conf", "ccdt", "java", "openssl", "nss", "p11-kit", "ssh", "strongswan", "nginx",
/// "httpd".
std::string_view name_of(client kind) noexcept;
std::optional<client> client_named(std::string_view name) noexcept;

}  // namespace p11tape::clients
