// SPDX-License-Identifier: Apache-2.0
// Damage to a tape: what disks, cut files and malice do, and values that arithmetic stumbles over.
#pragma once

#include <random>
#include <string>

namespace p11tape::fuzz {

/// Changes `bytes` in one to eight places; the bias is towards headers and lengths.
void mutate(std::string& bytes, std::mt19937_64& random);

}  // namespace p11tape::fuzz
