// SPDX-License-Identifier: Apache-2.0
#include "diagnose/pkcs11_phrases.hpp"

#include "cryptoki/pkcs11.hpp"
#include "render/words.hpp"

namespace p11tape::diagnose {

std::string short_code(u64 value) {
  const auto name = cryptoki::display_name("return_value", value);
  return name.empty() ? "return value " + hex(value) : name;
}

std::string code(u64 value) {
  const auto name = cryptoki::display_name("return_value", value);
  return name.empty() ? "return value " + hex(value) : name + " (" + hex(value) + ")";
}

std::string mechanism(u64 type) {
  if (type == unknown) return "an unknown mechanism";
  const auto name = cryptoki::display_name("mechanism", type);
  return name.empty() ? "mechanism " + hex(type) : name;
}

std::string name_of(cryptoki::function f) { return std::string(cryptoki::row(f).name); }

std::string user_name(u64 user) {
  switch (user) {
    case CKU_SO:
      return "the security officer";
    case CKU_USER:
      return "the user";
    case CKU_CONTEXT_SPECIFIC:
      return "a single operation (CKU_CONTEXT_SPECIFIC)";
    default:
      return "user type " + hex(user);
  }
}

std::string how_often(const failed_call& i) {
  return i.count == 1 ? cat(name_of(i.which), " returned ", code(i.value))
                      : cat(i.count, " calls of ", name_of(i.which), " returned ", code(i.value),
                            ", the last one is call ", i.last);
}

}  // namespace p11tape::diagnose
