// SPDX-License-Identifier: Apache-2.0
// Slots in the one form in which users read them: settings of some clients take a slot's number in decimal, others print
// it in hexadecimal.
#pragma once

#include <cstdint>
#include <string>

#include "text/numbers.hpp"

namespace p11tape::text {

/// "3", "1416756113 (0x5471FB91)"
inline void append_slot_number(std::uint64_t id, std::string& out) {
  append_decimal(id, out);
  if (id < 10) return;
  out += " (";
  append_hexadecimal(id, out);
  out += ')';
}

/// "slot 3", "slot 1416756113 (0x5471FB91)"
inline std::string slot(std::uint64_t id) {
  std::string out = "slot ";
  append_slot_number(id, out);
  return out;
}

}  // namespace p11tape::text
