// SPDX-License-Identifier: Apache-2.0
// Prints, for each constant of the rows, the lines that add its value to a foreign_api where the included header has
// it.
#include <cstdio>

#include "cryptoki/tables.hpp"

int main() {
  for (const auto& c : p11tape::cryptoki::constants()) {
    const auto n = static_cast<int>(c.name.size());
    std::printf("#ifdef %.*s\napi.constants.push_back({\"%.*s\", static_cast<std::uint64_t>(%.*s)});\n#endif\n", n,
                c.name.data(), n, c.name.data(), n, c.name.data());
  }
}
