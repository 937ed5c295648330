// SPDX-License-Identifier: Apache-2.0
// Commands that findings suggest. They can be pasted: what comes from the tape is quoted for the shell, the token is named,
// and none of them changes, initialises or locks a token. What changes one is told in the advice, for those who know that
// they want it.
#pragma once

#include <string>
#include <string_view>

#include "diagnose/rules/rules.hpp"
#include "text/shell.hpp"

namespace p11tape::diagnose {

/// "pkcs11-tool --module PATH ARGUMENTS"; MODULE.so stands for a module that the tape does not name.
std::string pkcs11_tool(const rule_input& s, std::string_view arguments);

inline std::string list_slots(const rule_input& s) { return pkcs11_tool(s, "--list-slots"); }
inline std::string list_tokens(const rule_input& s) { return pkcs11_tool(s, "--list-token-slots"); }

/// The objects of a token, after a login with a PIN that is asked for. Without a slot: the one that the client used last.
std::string list_objects(const rule_input& s);
std::string list_objects(const rule_input& s, slot_id slot);
std::string list_mechanisms(const rule_input& s);

/// The path of the module, as a word of a command.
std::string module_word(const rule_input& s);

}  // namespace p11tape::diagnose
