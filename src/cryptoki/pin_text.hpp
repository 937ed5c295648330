// SPDX-License-Identifier: Apache-2.0
// Whether a text holds a PIN.
//
// PINs get into text that everybody takes for harmless: a label or URL with a PKCS#11 URI (RFC 7512: pin-value=...), the
// string of IBM MQ that names module, token label and password (GSK_PKCS11=...;...;...;), a protected password. Such a text
// is not recorded, shown or said. The words are also found percent-encoded, in UTF-16, and in any case.
#pragma once

#include <string_view>

namespace p11tape::cryptoki {

/// True where the text has a word beside which a PIN stands.
bool holds_pin(std::string_view text) noexcept;

/// True where a value that ought to be a path or name is a configuration string instead: a PKCS#11 URI, or several
/// fields with semicolons between them. One of them may be a PIN.
bool is_configuration_string(std::string_view text) noexcept;

/// What stands in the place of such a text.
inline constexpr std::string_view withheld_text = "(withheld: it may hold a PIN)";

}  // namespace p11tape::cryptoki
