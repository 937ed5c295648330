// SPDX-License-Identifier: Apache-2.0
#include "diagnose/tables/return_value_explanations.hpp"

#include "cryptoki/pkcs11.hpp"
#include "diagnose/rules/rules.hpp"

namespace p11tape::diagnose {
namespace {

constexpr return_value_row rows[] = {
#define RETURN(name, who, what, why, cure, rules) {name, fault::who, what, why, cure, rules},
#include "diagnose/tables/return_value_explanations.def"
#undef RETURN
};

#define RETURN(name, who, what, why, cure, rules) static_assert(are_rules(rules));
#include "diagnose/tables/return_value_explanations.def"
#undef RETURN

}  // namespace

const return_value_row* find_return_value(std::uint64_t value) noexcept {
  const auto wanted = value >= CKR_VENDOR_DEFINED ? std::uint64_t{CKR_VENDOR_DEFINED} : value;
  for (const auto& r : rows)
    if (r.value == wanted) return &r;
  return nullptr;
}

}  // namespace p11tape::diagnose
