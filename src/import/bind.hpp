// SPDX-License-Identifier: Apache-2.0
// From the names in a log to the rows of the API: which argument, field or constant is meant.
//
// All loggers print the specification's names, with small differences: pointers with or without their star, `ulCount`
// for `*pulCount`, constants of older headers. The differences are tolerated here, once for all readers.
#pragma once

#include <optional>
#include <string_view>

#include "import/call.hpp"

namespace p11tape::import {

/// The function of that name; with or without `C_`.
std::optional<cryptoki::function> find_function(std::string_view name) noexcept;

/// The value of a constant's name in any spelling of the known loggers: current names, older ones, "CKA_X(NSS)",
/// "CKM_0x80000001", "CKR_VENDOR_DEFINED+0x10".
std::optional<u64> find_constant(std::string_view name) noexcept;

/// The index of the argument of that name, or -1. A star in front and an index in brackets behind are ignored.
int find_argument(const cryptoki::function_row& row, std::string_view name) noexcept;

/// The index of the field of that name in a struct's row, or -1.
int find_field(u16 structure, std::string_view name) noexcept;

/// Makes `v` a structure with unknown fields, unless it is that structure already.
void make_structure(value& v, u16 structure);

/// Makes the argument or field that counts the elements of `index` hold `n`: `values` are those of the row's fields.
void set_count(std::span<const cryptoki::field> row, std::vector<value>& values, std::size_t index, u64 n);

/// "3.0" as a CK_VERSION, whatever stands behind it; nullopt if there is none.
std::optional<value> scan_version(std::string_view text);

/// The struct among the layouts of a mechanism's parameter that has a field of that name, or cryptoki::record_count.
std::size_t parameter_struct(u64 mechanism, std::string_view field) noexcept;

/// Makes a mechanism's parameter, its first part, a struct that has a field of that name, and returns the index of
/// the field; nullopt if no layout has one.
std::optional<std::size_t> parameter_field(value& mechanism, std::string_view name);

/// True if the default profile would not have recorded what such a value holds.
bool is_secret(cryptoki::redaction_class c) noexcept;
/// The same for an attribute. CKA_VALUE is secret unless `certificate`.
bool is_secret_attribute(u64 type, bool certificate) noexcept;

}  // namespace p11tape::import
