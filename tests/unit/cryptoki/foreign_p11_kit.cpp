// SPDX-License-Identifier: Apache-2.0
// The PKCS#11 header of p11-kit (libp11-kit-dev) as data, where it is installed.
#include "foreign.hpp"

#include <cstddef>
#include <type_traits>

#include "cryptoki/each.hpp"

#if __has_include(<p11-kit/pkcs11.h>)
#define CRYPTOKI_COMPAT 1
#include <p11-kit/pkcs11.h>

#include "foreign_table.inc"

namespace p11tape::test {
const foreign_api* p11_kit_api() {
  static const auto api = make_api();
  return &api;
}
}  // namespace p11tape::test
#else
namespace p11tape::test {
const foreign_api* p11_kit_api() { return nullptr; }
}  // namespace p11tape::test
#endif
