// SPDX-License-Identifier: Apache-2.0
// Names that are not the standard's: a user's constants file adds them when a tape is read.
//
// They live in a process-wide table that only grows, so that names handed out stay valid and display_name() needs
// nobody to pass a table around. The recorder never adds one: its look-ups end at one load of a flag.
#pragma once

#include <cstdint>
#include <string_view>

namespace p11tape::cryptoki {

/// What came of add_name().
enum class name_added : std::uint8_t {
  yes,
  already,         ///< the same name for the same value is there
  value_has_name,  ///< the standard has another name for the value: it stays
  name_has_value,  ///< the name means another value
};

/// Gives `value` of `group` (mechanism, attribute, return_value, key_type, object_class ...) a name. Vendors use the
/// same numbers for different things: a value with several names is shown as "CKM_A or CKM_B". May be called from any
/// thread.
name_added add_name(std::string_view group, std::uint64_t value, std::string_view name);

/// The names that were added for a value, "" where there is none. The text stays valid until the process ends.
std::string_view extra_name(std::string_view group, std::uint64_t value) noexcept;

/// The value of a name that was added, in any group; false where there is none.
bool extra_value(std::string_view name, std::uint64_t& value) noexcept;

}  // namespace p11tape::cryptoki
