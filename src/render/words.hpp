// SPDX-License-Identifier: Apache-2.0
// Pieces of text that text and JSON are made of. All append to `out`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cryptoki/tables.hpp"
#include "render/visitor.hpp"
#include "text/numbers.hpp"
#include "text/times.hpp"

namespace p11tape::render {

using text::append_code;
using text::append_decimal;
using text::append_duration;
using text::append_hex;
using text::append_hexadecimal;
using text::append_local_time;
using text::append_utc_time;

/// Bytes of a tape as the decoders take them.
inline decode::bytes as_decode(tape::byte_view b) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(b.data()), b.size()};
}

/// "text" in quotes, with all that could mislead a reader escaped: nothing on a tape can move the cursor or look like
/// something else.
void append_quoted(tape::byte_view text, std::string& out);

/// The same for text of a tape's properties, without the quotes.
void append_safe(std::string_view text, std::string& out);

/// Calls `each` with the name of every flag of the group that is set. Returns the bits that have no name.
template <class Each>
std::uint64_t for_each_flag(std::string_view group, std::uint64_t bits, Each each) {
  for (const auto& c : cryptoki::constants_of(group)) {
    if (c.alias || c.value == 0 || (bits & c.value) != c.value) continue;
    each(c.name);
    bits &= ~c.value;
  }
  return bits;
}

/// "1 byte", "20 bytes"
void append_count(std::uint64_t n, std::string_view one, std::string& out);

/// "returned", "in_flight", "left", "result_lost", "result_only"
std::string_view state_word(tape::call_state s) noexcept;

/// How many blanks or NULs a fixed field of text ends with.
padding_kind padding_of(tape::byte_view text, std::uint64_t& count) noexcept;

}  // namespace p11tape::render
