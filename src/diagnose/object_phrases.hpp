// SPDX-License-Identifier: Apache-2.0
// Objects and searches in words, and what became of a search: for the rules about objects.
#pragma once

#include <string>
#include <string_view>

#include "diagnose/rules/rules.hpp"

namespace p11tape::diagnose {

/// "private key", "certificate" ...
std::string_view kind_of(u64 object_class) noexcept;

/// "private key with the label "signer" and the ID 01"
std::string wanted(const searched& q);

/// ASCII letters in lower case.
std::string lower(std::string_view text);

/// Whether the process found another way after the call: it used a key, or created what it had not found.
bool went_on(const rule_input& s, call_number call) noexcept;

/// Whether an object of the name that was searched for is on the token, and a key was used after the search: the search had
/// asked for more, as OpenSSH's does (CKA_SIGN), and the client found the key in another way.
bool found_otherwise(const rule_input& s, const searched& q) noexcept;

}  // namespace p11tape::diagnose
