// SPDX-License-Identifier: Apache-2.0
// Which differences count in a replay, and how they travel from the process that made the call to the one that reports.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "diff/compare.hpp"
#include "replay/live_handles.hpp"

namespace p11tape::replay {

/// Leaves those that are divergences: what names the surroundings (library, slot, token) is another on another machine,
/// and searches find other numbers of objects where calls were left out. Adds which objects were not found.
void keep_divergences(const step& s, const plan& p, const live_handles& w, diff::differences& found);

struct told_difference {
  std::string where, recorded, replayed;
};

std::string as_text(const diff::differences& found);
std::vector<told_difference> from_text(std::string_view text);

}  // namespace p11tape::replay
