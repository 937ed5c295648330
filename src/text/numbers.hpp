// SPDX-License-Identifier: Apache-2.0
// Numbers, bytes, durations and shares in the one form in which users read them.
//
// Integers only: the way in which libstdc++ prints floating-point numbers needs libm, which the recorder must not need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace p11tape::text {

void append_decimal(std::uint64_t n, std::string& out);

/// With zeros in front: "007".
void append_padded(std::uint64_t n, std::size_t width, std::string& out);

/// "0x1F"
void append_hexadecimal(std::uint64_t n, std::string& out);

/// Small numbers in decimal, others in hexadecimal, as constants are written: "3", "0x1087"
void append_code(std::uint64_t n, std::string& out);

/// `digits` hexadecimal digits in lower case, without a prefix.
void append_hex_digits(std::uint64_t n, int digits, std::string& out);

/// "0a1b2c"
void append_hex(std::span<const std::byte> bytes, std::string& out);
std::string hex(std::span<const std::uint8_t> bytes);
std::string hex(std::string_view bytes);

/// Three digits: "417 ns", "1.23 µs", "12.3 ms", "412 ms", "2.31 s". `ns` is in nanoseconds.
void append_duration(std::uint64_t ns, std::string& out);

}  // namespace p11tape::text
