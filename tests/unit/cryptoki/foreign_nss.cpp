// SPDX-License-Identifier: Apache-2.0
// The PKCS#11 header of NSS (libnss3-dev) as data, where it is installed.
#include "foreign.hpp"

#include <cstddef>
#include <type_traits>

#include "cryptoki/each.hpp"

#if __has_include(<pkcs11.h>)
#include <pkcs11.h>

#include "foreign_table.inc"

namespace p11tape::test {
const foreign_api* nss_api() {
  static const auto api = make_api();
  return &api;
}
}  // namespace p11tape::test
#else
namespace p11tape::test {
const foreign_api* nss_api() { return nullptr; }
}  // namespace p11tape::test
#endif
