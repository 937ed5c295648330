// SPDX-License-Identifier: Apache-2.0
// Prints src/cryptoki/REDACTION.md.
#include <cstdio>

#include "redaction_text.hpp"

int main() {
  const auto text = p11tape::test::redaction_text();
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0 ? 0 : 1;
}
