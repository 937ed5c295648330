// SPDX-License-Identifier: Apache-2.0
// Servers: strongSwan's pkcs11 plugin, and the keys of nginx and Apache httpd, whose module comes from openssl.cnf.
#pragma once

#include <string_view>

#include "clients/reading.hpp"

namespace p11tape::clients {

reading read_strongswan(std::string_view text);
reading read_nginx(std::string_view text);
reading read_httpd(std::string_view text);

/// A key's address with the value of pin-value hidden.
std::string without_pin_value(std::string_view address);

}  // namespace p11tape::clients
