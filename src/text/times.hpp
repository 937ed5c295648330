// SPDX-License-Identifier: Apache-2.0
// Moments as users read them. `wall` is in nanoseconds since 1970, UTC.
#pragma once

#include <cstdint>
#include <string>

namespace p11tape::text {

/// "2026-11-21 18:05:01.123456", local time, to the microsecond.
void append_local_time(std::uint64_t wall, std::string& out);

/// "2026-11-21T18:05:01.123456789Z"
void append_utc_time(std::uint64_t wall, std::string& out);

}  // namespace p11tape::text
