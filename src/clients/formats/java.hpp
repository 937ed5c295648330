// SPDX-License-Identifier: Apache-2.0
// Java: the configuration file of SunPKCS11 (IBMPKCS11Impl reads the same form), and the list of providers that names
// it.
#pragma once

#include <string_view>

#include "clients/reading.hpp"

namespace p11tape::clients {

reading read_java(std::string_view text);

}  // namespace p11tape::clients
