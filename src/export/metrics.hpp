// SPDX-License-Identifier: Apache-2.0
// What monitoring asks of tapes, as a text in the exposition format of Prometheus.
//
// The number of time series is bounded: labels that come from tapes (program, token, return value, function) take at
// most as many values as the constants below say, and what is beyond is counted under "other".
#pragma once

#include <string>

#include "query/sources/call_scan.hpp"

namespace p11tape::exporting {

inline constexpr std::size_t most_programs = 32;    ///< values of the label program
inline constexpr std::size_t most_tokens = 32;      ///< ... of token and serial together
inline constexpr std::size_t most_functions = 104;  ///< ... of function, for each program
inline constexpr std::size_t most_errors = 512;     ///< pairs of function and rv, over all programs

/// Reads all tapes once.
std::string metrics_of(query::tape_list tapes);

}  // namespace p11tape::exporting
