// SPDX-License-Identifier: Apache-2.0
#include "diagnose/rules/commands.hpp"

#include "diagnose/phrase.hpp"

namespace p11tape::diagnose {

std::string module_word(const rule_input& s) { return s.d.module.empty() ? "MODULE.so" : text::shell_word(s.d.module); }

std::string pkcs11_tool(const rule_input& s, std::string_view arguments) {
  return cat("pkcs11-tool --module ", module_word(s), " ", arguments);
}

}  // namespace p11tape::diagnose
