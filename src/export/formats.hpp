// SPDX-License-Identifier: Apache-2.0
// The forms in which `p11tape export` writes tapes for other tools: one file a form, and a row in formats.cpp.
#pragma once

#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include "p11tape/tape.hpp"

namespace p11tape::exporting {

/// What some formats take besides the tapes.
struct format_options {
  std::string tables = "calls";  ///< of the data model: names, separated by commas
  std::string state_file;        ///< then only what is new since the last time; "": everything
};

struct format {
  std::string_view name;   ///< for --format
  std::string_view title;  ///< for people
  bool has_tables;         ///< it takes format_options
  /// Writes the tapes. Returns false if the output cannot be written.
  bool (*write)(std::span<const tape::reader* const> tapes, const format_options& o, std::FILE* to);
};

std::span<const format> formats() noexcept;
const format* find_format(std::string_view name) noexcept;

bool write_oasis(std::span<const tape::reader* const> tapes, std::FILE* to);
bool write_spy(std::span<const tape::reader* const> tapes, std::FILE* to);

}  // namespace p11tape::exporting
