// SPDX-License-Identifier: Apache-2.0
// Client channel definition tables. A CCDT cannot name a PKCS#11 driver; what it has to do with a token is the label of
// the certificate. JSON ones are read; the binary AMQCLCHL.TAB is recognised and named.
#pragma once

#include <string_view>

#include "clients/reading.hpp"

namespace p11tape::clients {

/// `file_name`: the last part of the path, for the binary format.
reading read_ccdt(std::string_view text, std::string_view file_name);

}  // namespace p11tape::clients
