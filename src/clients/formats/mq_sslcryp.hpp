// SPDX-License-Identifier: Apache-2.0
// The crypto-hardware string in its other places: as MQSC prints and takes it, and as a field of MQSCO.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "clients/formats/mq_string.hpp"
#include "clients/secret_buffer.hpp"

namespace p11tape::clients {

/// The value of SSLCRYP in what DISPLAY QMGR printed, or in an ALTER QMGR command; nothing where there is none.
/// Quotes are undone, wrapped lines and MQSC's continuation signs joined.
std::optional<secret_buffer> find_sslcryp(std::string_view text);

/// MQSCO.CryptoHardware: 256 bytes, padded with blanks or ended by NUL.
std::string_view mqsco_text(std::string_view field) noexcept;

/// Takes whatever an administrator pastes: the string itself, `MQSSLCRYP=...`, the output of DISPLAY QMGR, a padded
/// field.
reading read_pasted_mq_string(std::string_view text);

/// The text between the quotes of an MQSC command: quotes doubled.
std::string mqsc_quoted(std::string_view text);

}  // namespace p11tape::clients
