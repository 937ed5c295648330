// SPDX-License-Identifier: Apache-2.0
// A template as the application passed it: its attributes with the values that the tape has.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "p11tape/record.hpp"

namespace p11tape::diagnose {

struct given_attribute {
  tape::u64 type = 0;
  tape::u64 length = 0;              ///< ulValueLen
  bool null = false;                 ///< pValue was NULL
  std::optional<tape::u64> number;   ///< a number or a boolean, where the tape has it
  std::optional<std::string> bytes;  ///< other values, where the tape has them whole
};

struct given_template {
  bool given = false;  ///< the function has such a template, and the call passed one
  std::vector<given_attribute> all;

  const given_attribute* find(tape::u64 type) const noexcept;
  bool has(tape::u64 type) const noexcept { return find(type) != nullptr; }
  /// The value of a number or boolean; `otherwise` where the attribute is missing or its value is not on the tape.
  tape::u64 number(tape::u64 type, tape::u64 otherwise) const noexcept;
  /// Whether a boolean attribute is given, and true.
  bool is(tape::u64 type) const noexcept { return number(type, 0) != 0; }
};

/// Of the payload of a template item; bounded.
given_template read_template(tape::byte_view payload);

}  // namespace p11tape::diagnose
