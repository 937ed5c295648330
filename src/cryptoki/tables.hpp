// SPDX-License-Identifier: Apache-2.0
// The rows of the .def files as tables: what everything else in the project is derived from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "cryptoki/each.hpp"
#include "cryptoki/pkcs11.hpp"
#include "p11tape/row.hpp"

namespace p11tape::cryptoki {

inline constexpr type_row types[] = {
#define TYPE(name, kind, meaning) {#name, shape::kind, #meaning},
#include "cryptoki/types.def"
#undef TYPE
};

namespace detail {

template <std::size_t N>
consteval std::array<field, N> make_row(std::array<field, N> row) {
  link_fields(row);
  for (const auto& f : row)
    if (f.broken) invalid_row("this row cannot be parsed: unknown type, word, or counting field");
  return row;
}

}  // namespace detail

// ---- Functions
// -------------------------------------------------------------------------------------------------------

/// The functions, numbered in the order of the function lists.
enum class function : std::uint16_t {
#define FN(name, since, family, does, ...) name,
#include "cryptoki/functions.def"
#undef FN
};

struct function_row {
  std::string_view name;
  version since;
  std::string_view family;  ///< general, slot, session, login, object, search, encrypt, ...
  effect does;
  std::string_view effect_name;
  std::span<const field> arguments;
};

namespace detail {
#define P11TAPE_FIELD(T, N, ...) parse_field(types, #T, #N, #__VA_ARGS__)
#define FN(name, since, family, does, ...) \
  inline constexpr auto name##_row = make_row(std::array{P11TAPE_EACH_COMMA(P11TAPE_FIELD, __VA_ARGS__)});
#include "cryptoki/functions.def"
#undef FN
}  // namespace detail

inline constexpr function_row functions[] = {
#define FN(name, since, family, does, ...) {#name, version::since, #family, effect::does, #does, detail::name##_row},
#include "cryptoki/functions.def"
#undef FN
};

inline constexpr std::size_t function_count = std::size(functions);
static_assert(function_count == 104);

/// A number for a function that is none of the standard's: a tape of another version can hold one.
inline constexpr auto unknown_function = static_cast<function>(function_count);

inline constexpr function_row unknown_function_row = {"an unknown function", version::v2_40, "unknown",
                                                      effect::none,          "none",         {}};

/// The row of any number: beyond the standard's it is that of an unknown function, which has no arguments.
constexpr const function_row& row(function f) noexcept {
  return f < unknown_function ? functions[static_cast<std::size_t>(f)] : unknown_function_row;
}

/// How many functions a list of each version holds: 68, 92, 104.
constexpr std::size_t functions_in(version v) noexcept {
  std::size_t n = 0;
  while (n < function_count && functions[n].since <= v) ++n;
  return n;
}

// ---- Structs
// ---------------------------------------------------------------------------------------------------------

enum class record : std::uint16_t {
#define STRUCT(name, ...) name,
#include "cryptoki/structs.def"
#undef STRUCT
};

/// Where a field lies in its struct.
struct place {
  std::uint16_t offset;
  std::uint16_t size;
};

struct record_row {
  std::string_view name;
  std::size_t size;
  std::span<const field> fields;
  std::span<const place> places;
};

namespace detail {

template <std::size_t N>
consteval std::array<place, N> cover(std::array<place, N> places, std::size_t size, std::size_t alignment) {
  std::size_t end = 0;
  for (const auto& p : places) {
    if (p.offset < end || p.offset - end >= alignment)
      invalid_row("the fields of this struct row leave a hole or overlap");
    end = p.offset + p.size;
  }
  if (end > size || size - end >= alignment) invalid_row("the fields of this struct row do not reach the struct's end");
  return places;
}

#define P11TAPE_PLACE(T, N, ...) \
  place { offsetof(self, N), sizeof(self::N) }
#define STRUCT(name, ...)                                                                                \
  struct name##_row {                                                                                    \
    using self = ::name;                                                                                 \
    static constexpr auto fields = make_row(std::array{P11TAPE_EACH_COMMA(P11TAPE_FIELD, __VA_ARGS__)}); \
    static constexpr auto places =                                                                       \
        cover(std::array{P11TAPE_EACH_COMMA(P11TAPE_PLACE, __VA_ARGS__)}, sizeof(self), alignof(self));  \
  };
#include "cryptoki/structs.def"
#undef STRUCT
#undef P11TAPE_PLACE
#undef P11TAPE_FIELD

}  // namespace detail

inline constexpr record_row records[] = {
#define STRUCT(name, ...) {#name, sizeof(::name), detail::name##_row::fields, detail::name##_row::places},
#include "cryptoki/structs.def"
#undef STRUCT
};

inline constexpr std::size_t record_count = std::size(records);
static_assert(record_count == 97 + 1);  // those of the standard, and one that callers use besides

constexpr const record_row& row(record r) noexcept { return records[static_cast<std::size_t>(r)]; }

/// The struct of that name, or record_count.
constexpr std::size_t record_named(std::string_view name) noexcept {
  for (std::size_t i = 0; i < record_count; ++i)
    if (records[i].name == name) return i;
  return record_count;
}

// ---- Attributes
// ------------------------------------------------------------------------------------------------------

/// How the value of an attribute is read.
enum class form : std::uint8_t {
  flag,
  number,
  numbers,
  mechanisms,
  date,
  text,
  big,
  bytes,
  name,
  integer,
  oid,
  curve,
  version,
  template_,
  value,
  check,
};

/// True for forms that every profile records whole where they are public: truth values, numbers, versions.
constexpr bool is_scalar(form f) noexcept {
  return f == form::flag || f == form::number || f == form::numbers || f == form::mechanisms || f == form::version;
}

/// Whether a value of that many bytes can be of the form. One that cannot is not what its type says: it is key
/// material. `word_size` is sizeof(CK_ULONG). No value is of every form.
constexpr bool fits(form f, std::uint64_t size, std::uint64_t word_size) noexcept {
  switch (f) {
    case form::flag:
      return size <= 1;
    case form::number:
      return size == word_size || size == 0;
    case form::numbers:
    case form::mechanisms:
      return size % word_size == 0;
    case form::date:
      return size == 8 || size == 0;
    case form::version:
      return size == 2 || size == 0;
    case form::template_:
      return size % (3 * word_size) == 0;
    case form::check:
      return size <= 8;
    default:
      return true;
  }
}

struct attribute_row {
  std::string_view name;
  std::uint64_t type;
  form kind;
  std::string_view meaning;  ///< the group of constants of a number
  redaction_class secret;
};

/// The row of an attribute type, or nullptr: then its value is key material.
const attribute_row* find_attribute(std::uint64_t type) noexcept;

std::span<const attribute_row> attributes() noexcept;

// ---- Mechanisms
// ------------------------------------------------------------------------------------------------------

struct mechanism_row {
  std::string_view name;
  std::uint64_t type;
  std::string_view layouts;  ///< as in mechanisms.def
};

/// The row of a mechanism type, or nullptr.
const mechanism_row* find_mechanism(std::uint64_t type) noexcept;

std::span<const mechanism_row> mechanisms() noexcept;

// ---- Constants
// -------------------------------------------------------------------------------------------------------

struct constant_row {
  std::string_view group;
  std::string_view name;
  std::uint64_t value;
  bool alias;  ///< an older name: understood, never shown
};

/// All named constants: those of constants/*.def, and the attributes and mechanisms as groups `attribute`, `mechanism`.
std::span<const constant_row> constants() noexcept;

/// Those of one group, in the order of their file; none where there is no such group.
std::span<const constant_row> constants_of(std::string_view group) noexcept;

/// The name of a value in a group, "" where it has none.
std::string_view name_of(std::string_view group, std::uint64_t value) noexcept;

/// The name of a value in a group, those of extra_names.hpp included; other values of the group's vendor range as
/// "CKM_VENDOR_DEFINED+0x10"; "" else.
std::string display_name(std::string_view group, std::uint64_t value);

/// The value of a name, in any group; aliases and the names of extra_names.hpp are understood. False where it is
/// unknown.
bool value_of(std::string_view name, std::uint64_t& value) noexcept;

/// True for groups whose values are bits to be named one by one.
constexpr bool is_flags(std::string_view group) noexcept { return group.ends_with("_flags"); }

/// The rows as text, as every tape carries them; FORMAT.md has the grammar.
std::string_view schema_text() noexcept;

}  // namespace p11tape::cryptoki
