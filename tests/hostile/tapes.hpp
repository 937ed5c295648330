// SPDX-License-Identifier: Apache-2.0
// Tapes that no recorder writes: small files that ask a reader for much time, memory or output.
//
// They are made with the builder that follows FORMAT.md, so a new version of the format carries them along.
#pragma once

#include <string>
#include <vector>

namespace p11tape::test {

struct hostile_tape {
  std::string name;
  std::string (*make)();
};

const std::vector<hostile_tape>& hostile_tapes();

/// A tape without fault, to compare with.
std::string harmless_tape();

/// Another one, of 40,000 plain calls, which keeps a command busy as any tape does.
std::string plain_tape();

}  // namespace p11tape::test
