// SPDX-License-Identifier: Apache-2.0
// The text of src/cryptoki/REDACTION.md, made from the rows.
#pragma once

#include <string>

namespace p11tape::test {

std::string redaction_text();

}  // namespace p11tape::test
