// SPDX-License-Identifier: Apache-2.0
// Two tapes, compared: what the programs and the modules did differently, in the order in which it happened.
//
// Threads are paired in the order of their first calls, and the calls of each pair of threads are aligned (align.hpp).
// Queries and polls that only one side makes do no harm and are counted, not told. Each aligned pair is compared value
// by value (compare.hpp); sessions are the same when they are on the same token, objects when nothing that is known of
// them differs: class, key type, label, ID.
#pragma once

#include <array>

#include "diff/compare.hpp"
#include "diff/tape_outline.hpp"

namespace p11tape::diff {

/// A call, as the report names it.
struct call_name {
  model::call_number number;  ///< none: there is no such call
  std::string function;
  std::string outcome;  ///< "CKR_OK", "never returned"
};

enum class change : std::uint8_t { differs, only_a, only_b };

struct divergence {
  change what = change::differs;
  std::size_t thread = 0;              ///< 1 for the first pair of threads ...
  call_name a, b;                      ///< of only_a and only_b the first call
  call_name meanwhile;                 ///< of only_a and only_b: what the other side calls next, if it calls anything
  u64 count = 1;                       ///< of only_a and only_b: calls in a row
  model::call_number last;             ///< the last of them
  std::vector<std::string> functions;  ///< their names, each once, in order
  differences values;                  ///< of `differs`: only those that diverge
  model::call_number order;            ///< where it happened, on A's tape
};

struct comparison {
  digest a, b;
  std::vector<divergence> found;                       ///< in the order in which it happened; at most `most_kept`
  u64 all = 0;                                         ///< how many there are
  u64 pairs = 0;                                       ///< calls that were compared
  std::array<u64, kinds> expected{};                   ///< differences that are no divergence, by kind
  std::map<std::string, std::pair<u64, u64>> queries;  ///< polls and queries that only A, only B makes, by function
  bool shortest = true;                                ///< false where an alignment had to be cut

  static constexpr std::size_t most_kept = 10000;
};

/// At most `window` calls of each tape are compared.
comparison compare_tapes(const tape::reader& a, const tape::reader& b, u64 window,
                         const std::function<void(u64)>& seen);

}  // namespace p11tape::diff
