// SPDX-License-Identifier: Apache-2.0
// What a tape says of a log that does not show everything; FORMAT.md explains the bits.
#pragma once

#include "tape/layout.hpp"

namespace p11tape::tape {

inline constexpr u8 item_unknown = 8;
inline constexpr u64 pointer_unknown = 32;
inline constexpr u32 pin_not_text = 128;
inline constexpr u64 feature_imported = 2;
inline constexpr u8 record_no_start = 4, record_no_end = 8, record_no_result = 16, record_no_outputs = 32;
inline constexpr u64 lacks_start_times = 1, lacks_end_times = 2, lacks_threads = 4, lacks_inputs = 8,
                     lacks_failed_outputs = 16, lacks_outputs = 32, lacks_pin_facts = 64, lacks_process = 128,
                     lacks_calls = 256, lacks_fine_times = 512;

}  // namespace p11tape::tape
