// SPDX-License-Identifier: Apache-2.0
// The forms in which `p11tape export` writes tapes for other tools: one file a form, and a row in formats.cpp.
#pragma once

#include <cstdio>
#include <span>
#include <string_view>

#include "p11tape/tape.hpp"

namespace p11tape::exporting {

struct format {
  std::string_view name;   ///< for --format
  std::string_view title;  ///< for people
  /// Writes the calls of the tapes in their common order. Returns false if the output cannot be written.
  bool (*write)(std::span<const tape::reader* const> tapes, std::FILE* to);
};

std::span<const format> formats() noexcept;
const format* find_format(std::string_view name) noexcept;

bool write_oasis(std::span<const tape::reader* const> tapes, std::FILE* to);
bool write_spy(std::span<const tape::reader* const> tapes, std::FILE* to);

}  // namespace p11tape::exporting
