// SPDX-License-Identifier: Apache-2.0
#include "import/readers.hpp"

#include <algorithm>
#include <iterator>

namespace p11tape::import {

std::span<const log_kind> log_kinds() noexcept {
  static const log_kind all[] = {spy_log,  logger_log,     shim_log,     opensc_log, p11kit_log,
                                 nss_log,  nshield_log,    provider_log, java_log,   ykcs11_log,
                                 tpm2_log, cryptoauth_log, keychain_log, helper_log, oasis_log};
  return all;
}

const log_kind* find_log_kind(std::string_view name) noexcept {
  const auto all = log_kinds();
  const auto i = std::find_if(all.begin(), all.end(), [&](const log_kind& k) { return k.name == name; });
  return i == all.end() ? nullptr : &*i;
}

}  // namespace p11tape::import
