// SPDX-License-Identifier: Apache-2.0
// What `diff` says of two tapes: the first divergence first and in full, then all, then what was not counted as one.
#pragma once

#include <string>

#include "diff/tapes.hpp"

namespace p11tape::diff {

struct diff_context {
  const tape::reader* a;
  const tape::reader* b;
  std::size_t most = 50;  ///< divergences that the text lists
  tape::u64 window = 0;
  bool colour = false;
};

void append_diff_text(const diff::comparison& c, const diff_context& around, std::string& out);

/// One JSON object; src/diff/JSON.md describes it.
void append_diff_json(const diff::comparison& c, const diff_context& around, std::string& out);

}  // namespace p11tape::diff
