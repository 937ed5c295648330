// SPDX-License-Identifier: Apache-2.0
// Two sequences of keys, aligned: which element of A is which of B, and which have no partner.
//
// Myers' algorithm, with two bounds that keep it in linear time and fixed memory on tapes that have little in common:
// the search gives up after `most_edits` edits, keeps the longest common way so far and starts again from its end. So
// an alignment is always found; one that had to be cut so is not always the shortest.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace p11tape::diff {

inline constexpr std::uint32_t nobody = ~std::uint32_t{0};

struct aligned {
  std::uint32_t a, b;  ///< indexes; `nobody` where the element has no partner
};

struct alignment {
  std::vector<aligned> steps;  ///< in order; both indexes grow
  bool shortest = true;        ///< false where the search had to be cut
};

/// Aligns by `strong`. Between elements that found a partner, those of equal `weak` keys are paired as well: the same
/// function, called with something else.
struct element {
  std::uint64_t strong = 0;
  std::uint64_t weak = 0;
};
alignment align(std::span<const element> a, std::span<const element> b);

inline constexpr std::int64_t most_edits = 1500;

}  // namespace p11tape::diff
