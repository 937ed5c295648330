// SPDX-License-Identifier: Apache-2.0
// How long calls take: by how many are in flight, the first compared with the others, and what the client does between.
#pragma once

#include <array>

#include "model/histogram.hpp"
#include "model/state.hpp"

namespace p11tape::diagnose {

using model::call_context;
using model::call_number;
using model::histogram;
using model::none;
using model::u64;

class pace {
 public:
  void see(const call_context& now);

  /// Key operations that were alone, with one or two others, with three to six, with more.
  static constexpr std::size_t crowds = 4;
  std::array<histogram, crowds> by_crowd;
  histogram operations;     ///< all of them
  u64 first_operation = 0;  ///< ns
  call_number first_operation_in;

  u64 busy = 0;                       ///< ns with at least one call in flight
  u64 first_start = 0, last_end = 0;  ///< CLOCK_MONOTONIC
  u64 widest_gap = 0;                 ///< between calls
  call_number widest_gap_in;          ///< the call after it

  /// Calls of C_Sign and the like that only asked for the length of their output.
  u64 length_queries = 0;
  call_number length_queries_in;
  /// The longest row of CKR_BUFFER_TOO_SMALL of one function on one session.
  u64 small_buffers = 0;
  call_number small_buffers_in;
  u64 on_token = 0, on_token_time = 0;  ///< random, digests, symmetric encryption
  u64 searches_time = 0;

 private:
  u64 busy_until_ = 0;
  u64 small_key_ = 0, small_row_ = 0;
};

}  // namespace p11tape::diagnose
