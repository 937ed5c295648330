// SPDX-License-Identifier: Apache-2.0
// Durations and moments as people write them on a command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace p11tape::text {

/// "5ms", "2.5s", "100us", "1min" in nanoseconds. Nothing where it is no duration; a number needs its unit.
std::optional<std::uint64_t> parse_duration(std::string_view text);

/// A moment in ns since 1970:
///   2026-11-21T18:05:01.5, with a blank for the T, with Z or +01:00 behind it; without them in local time
///   2026-11-21 (its beginning)
///   18:05:01, 18:05: on the day on which the tapes begin, or the day after if that is more than 12 hours earlier
///   +2.5: seconds after the tapes' beginning, which is `start`
/// Nothing where it is none of these.
std::optional<std::uint64_t> parse_moment(std::string_view text, std::uint64_t start);

}  // namespace p11tape::text
