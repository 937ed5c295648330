// SPDX-License-Identifier: Apache-2.0
// Characters as people see them: the folding that the label check compares by. Not a Unicode library: it knows the
// letters of European languages, and the signs that word processors put in the place of plain ones.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace p11tape::label {

/// The next code point of `text` at `at`, which is moved on; nothing where the bytes are not UTF-8 (one byte is
/// passed).
std::optional<char32_t> next_code_point(std::string_view text, std::size_t& at) noexcept;

void append_utf8(std::string& out, char32_t c);
bool is_utf8(std::string_view text) noexcept;
bool is_ascii(std::string_view text) noexcept;

/// Lower case, for ASCII, Latin, Greek and Cyrillic letters. Bytes that are not UTF-8 stay.
std::string lower(std::string_view text);

/// Trimmed, each run of blanks (tabs, line ends, no-break blanks too) as one blank.
std::string single_blanks(std::string_view text);

/// The letters without their marks, dashes and quotes as plain ones, invisible characters dropped. Text that is not
/// UTF-8 is read as Latin-1; UTF-8 that was encoded twice is decoded twice.
std::string skeleton(std::string_view text);

/// EBCDIC (code page 1047) to ASCII, for the characters that labels consist of; nothing where a byte has no
/// counterpart.
std::optional<std::string> from_ebcdic(std::string_view text);

}  // namespace p11tape::label
