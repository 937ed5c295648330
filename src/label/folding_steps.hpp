// SPDX-License-Identifier: Apache-2.0
// The steps of the label check: each undoes one thing that people do not see, on both texts, or on the one that has it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "label/token_label.hpp"

namespace p11tape::label {

/// Both sides of a comparison while steps are applied to them.
struct pair {
  std::string configured;
  std::string shown;
};

struct step {
  cause why;
  int weight;            ///< how surprising the step is; the lightest explanation wins
  bool (*apply)(pair&);  ///< false: there is nothing of the kind to undo, the step does not count
};

/// In the order in which they are applied. At most 16.
std::span<const step> steps() noexcept;

}  // namespace p11tape::label
