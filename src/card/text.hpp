// SPDX-License-Identifier: Apache-2.0
// An exchange as one line of text.
#pragma once

#include <string>

#include "card/description.hpp"

namespace p11tape::card {

/// "00 20 00 81  VERIFY user PIN, data not recorded  ->  63C2 wrong, 2 tries left": without times, indent and newline.
void append_line(const described& d, std::string& out);

}  // namespace p11tape::card
