// SPDX-License-Identifier: Apache-2.0
// A walk over DER that trusts nothing: every element is checked against the bytes that are there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "decode/decode.hpp"

namespace p11tape::decode::der {

enum tag : std::uint8_t {
  integer_tag = 0x02,
  bit_string_tag = 0x03,
  octet_string_tag = 0x04,
  null_tag = 0x05,
  oid_tag = 0x06,
  utf8_string_tag = 0x0c,
  numeric_string_tag = 0x12,
  printable_string_tag = 0x13,
  teletex_string_tag = 0x14,
  ia5_string_tag = 0x16,
  visible_string_tag = 0x1a,
  universal_string_tag = 0x1c,
  bmp_string_tag = 0x1e,
  sequence_tag = 0x30,
  set_tag = 0x31,
};

struct element {
  std::uint8_t tag = 0;
  bytes content;
  bytes whole;  ///< tag and length included
};

/// Takes the first element off `rest`. Nothing where there is none, or it is no DER: indefinite or padded length, a tag
/// number above 30, or more bytes than there are.
std::optional<element> take(bytes& rest) noexcept;

/// As take(), but only where the element has this tag; `rest` stays as it is otherwise.
std::optional<element> take(bytes& rest, tag wanted) noexcept;

/// The one element that `whole` consists of; nothing where something follows it.
std::optional<element> only(bytes whole, tag wanted) noexcept;

/// The content of an OBJECT IDENTIFIER as dotted numbers; "" where it is none, or an arc does not fit 64 bits.
std::string dotted(bytes oid_content);

/// The bits of a non-negative INTEGER's content, 0 for zero.
std::uint64_t bit_length(bytes integer_content) noexcept;

/// The well-known name of a dotted OID, "" where it has none here.
std::string_view name_of_oid(std::string_view dotted_oid) noexcept;

}  // namespace p11tape::decode::der
