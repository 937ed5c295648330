// SPDX-License-Identifier: Apache-2.0
// The rows of the attributes, for what is made of them at compile time. Everything else asks tables.hpp.
#pragma once

#include "cryptoki/tables.hpp"

namespace p11tape::cryptoki {

namespace detail {

consteval redaction_class attribute_secrecy(form kind, std::string_view notes) {
  if (kind == form::value) return redaction_class::value;
  const field f = parse_field(types, "CK_ULONG", "", notes);
  if (f.broken) invalid_row("the notes of an attribute cannot be parsed");
  return f.secret == redaction_class::scalar ? redaction_class::open : f.secret;
}

consteval std::string_view attribute_meaning(std::string_view notes) {
  return parse_field(types, "CK_ULONG", "", notes).meaning;
}

}  // namespace detail

inline constexpr attribute_row attribute_rows[] = {
#define template template_
#define ATTRIBUTE(name, kind, ...)                                   \
  {#name, name, form::kind, detail::attribute_meaning(#__VA_ARGS__), \
   detail::attribute_secrecy(form::kind, #__VA_ARGS__)},
#define ATTRIBUTE_ALIAS(name)
#include "cryptoki/attributes.def"
#undef ATTRIBUTE
#undef ATTRIBUTE_ALIAS
#undef template
};

}  // namespace p11tape::cryptoki
