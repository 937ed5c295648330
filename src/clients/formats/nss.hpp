// SPDX-License-Identifier: Apache-2.0
// NSS's pkcs11.txt: entries of lines library=, name=, parameters=, NSS=, parted by empty lines.
#pragma once

#include <string_view>

#include "clients/reading.hpp"

namespace p11tape::clients {

reading read_nss(std::string_view text);

}  // namespace p11tape::clients
