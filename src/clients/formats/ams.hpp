// SPDX-License-Identifier: Apache-2.0
// keystore.conf of MQ Advanced Message Security: lines `pkcs11.library = ...`, `pkcs11.token = ...` and so on. The
// library, token and PIN are its own, apart from those of the channels.
#pragma once

#include <string_view>

#include "clients/reading.hpp"

namespace p11tape::clients {

reading read_keystore_conf(std::string_view text);

}  // namespace p11tape::clients
