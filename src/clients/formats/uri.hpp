// SPDX-License-Identifier: Apache-2.0
// PKCS#11 URIs (RFC 7512), checked attribute by attribute, as clients parse them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "clients/config_finding.hpp"
#include "clients/password.hpp"

namespace p11tape::clients {

/// Which token a URI names, and what may be known of the PIN in it.
struct uri_facts {
  std::string token;   ///< its label; "" if the URI names none
  password_facts pin;  ///< pin-value
};

/// What is wrong with `uri`, which begins with "pkcs11:". The value of pin-value is in no finding. `pin_files` gets the
/// files that pin-source names.
uri_facts check_uri(std::string_view uri, std::size_t line, findings& found, std::vector<std::string>& pin_files);

}  // namespace p11tape::clients
