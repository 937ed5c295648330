// SPDX-License-Identifier: Apache-2.0
// Logs that name functions and codes, and hardly an argument: a line says that a call begins, that one has returned, or
// both. What differs from kind to kind is how such a line looks; the rest is here.
#pragma once

#include <optional>
#include <string_view>

#include "import/reader.hpp"

namespace p11tape::import {

struct step {
  enum class kind : u8 { none, begins, returns, whole, noise };
  kind what = kind::none;  ///< noise: understood, of no interest, and certainly harmless
  cryptoki::function function{};
  std::optional<u64> result;
  std::string_view shown;  ///< what of the line certainly holds no secret, if that is not all of it
  std::optional<u64> process, thread, time;
};

/// Reads a line; none if it is no line of the kind.
using parse_step = step (*)(std::string_view text);

/// A reader for such a kind of log.
std::unique_ptr<reader> make_step_reader(call_sink& to, parse_step parse);

/// All that such logs do not show.
inline constexpr u64 steps_lack = tape::lacks_inputs | tape::lacks_outputs | tape::lacks_failed_outputs |
                                  tape::lacks_pin_facts | tape::lacks_calls | tape::lacks_end_times;

}  // namespace p11tape::import
