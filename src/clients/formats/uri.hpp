// SPDX-License-Identifier: Apache-2.0
// PKCS#11 URIs (RFC 7512), checked attribute by attribute, as clients parse them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "clients/finding.hpp"

namespace p11tape::clients {

/// What is wrong with `uri`, which begins with "pkcs11:". The value of pin-value is in no finding. `pin_files` gets the
/// files that pin-source names.
void check_uri(std::string_view uri, std::size_t line, findings& found, std::vector<std::string>& pin_files);

}  // namespace p11tape::clients
