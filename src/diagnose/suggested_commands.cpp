// SPDX-License-Identifier: Apache-2.0
#include "diagnose/suggested_commands.hpp"

#include "diagnose/pkcs11_phrases.hpp"

namespace p11tape::diagnose {

std::string module_word(const rule_input& s) { return s.d.module.empty() ? "MODULE.so" : text::shell_word(s.d.module); }

std::string pkcs11_tool(const rule_input& s, std::string_view arguments) {
  return cat("pkcs11-tool --module ", module_word(s), " ", arguments);
}

namespace {

// "--slot 5 ", or nothing where the client used none.
std::string used_slot(const rule_input& s) {
  const auto& opened = s.d.sessions.opened_slots;
  return opened.empty() || opened.back() == none ? std::string() : cat("--slot ", opened.back(), " ");
}

}  // namespace

std::string list_objects(const rule_input& s) { return pkcs11_tool(s, used_slot(s) + "--login --list-objects"); }

std::string list_objects(const rule_input& s, slot_id slot) {
  return slot == none ? list_objects(s) : pkcs11_tool(s, cat("--slot ", slot, " --login --list-objects"));
}

std::string list_mechanisms(const rule_input& s) { return pkcs11_tool(s, used_slot(s) + "--list-mechanisms"); }

}  // namespace p11tape::diagnose
