// SPDX-License-Identifier: Apache-2.0
// Values as JSON and CSV. Whatever the bytes are, what is written is valid.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace p11tape::query {

/// With its quotes. Bytes that are not UTF-8 become U+FFFD.
void append_json_text(std::string_view text, std::string& out);

/// Numbers beyond 2^53 become strings: most readers of JSON keep numbers as doubles.
void append_json_number(std::uint64_t n, std::string& out);
void append_json_number(std::int64_t n, std::string& out);

/// In quotes if it needs them (RFC 4180). Bytes that are not UTF-8 become U+FFFD.
void append_csv_text(std::string_view text, std::string& out);

void append_number(std::uint64_t n, std::string& out);

}  // namespace p11tape::query
