// SPDX-License-Identifier: Apache-2.0
// Pieces of the sentences that rules write.
#pragma once

#include <string>
#include <string_view>

#include "diagnose/facts/failed_calls.hpp"
#include "label/token_label.hpp"
#include "text/phrase.hpp"

namespace p11tape::diagnose {

using text::cat;
using text::counted;
using text::duration;
using text::hex;
using text::listed;
using text::percent;

/// "CKR_PIN_INCORRECT (0xA0)"
std::string code(u64 return_value);
/// "CKR_PIN_INCORRECT", or the number where it has no name.
std::string short_code(u64 return_value);
/// "CKM_RSA_PKCS"
std::string mechanism(u64 type);
/// "C_Login"
std::string name_of(cryptoki::function f);
/// "the user", "the security officer" ...
std::string user_name(u64 user);

/// Text of a tape, safe to print, in quotes.
inline std::string quoted(std::string_view text) { return label::quoted(text); }
/// Where <iomanip> is included, std::quoted would be the better match for a string.
inline std::string quoted(const std::string& text) { return label::quoted(text); }

/// "C_Sign answered CKR_DEVICE_ERROR (0x30)", or how many calls did.
std::string how_often(const failed_call& i);

}  // namespace p11tape::diagnose
