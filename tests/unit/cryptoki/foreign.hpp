// SPDX-License-Identifier: Apache-2.0
// What another project's PKCS#11 header says, as data: each such header is included by one translation unit alone
// (foreign_*.cpp), because two of them cannot meet in one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace p11tape::test {

struct foreign_constant {
  std::string_view name;
  std::uint64_t value;
};

/// A field of a struct, or a function of a function list.
struct foreign_field {
  std::string_view record;
  std::string_view name;
  bool present;  ///< the header has the struct, but no field of this name
  std::size_t offset;
  std::size_t size;
};

struct foreign_record {
  std::string_view name;
  std::size_t size;
};

struct foreign_api {
  std::vector<foreign_constant> constants;
  std::vector<foreign_record> records;
  std::vector<foreign_field> fields;
  std::vector<foreign_record> lists;
  std::vector<foreign_field> functions;
};

/// Debian's libnss3-dev (3.0) and libp11-kit-dev (2.40); nullptr where the package is not installed.
const foreign_api* nss_api();
const foreign_api* p11_kit_api();

}  // namespace p11tape::test
