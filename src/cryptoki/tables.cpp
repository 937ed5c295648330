// SPDX-License-Identifier: Apache-2.0
#include "cryptoki/tables.hpp"

#include <algorithm>
#include <charconv>

#include "cryptoki/attribute_rows.hpp"
#include "cryptoki/extra_names.hpp"

namespace p11tape::cryptoki {
namespace {

// ---- Attributes: a dense index of the rows, so that a type is found with one load ----

constexpr std::size_t dense_attributes = 0x700;

// CKF_ARRAY_ATTRIBUTE is left out of the index, so that both values of the 3.2 KEM templates find their row: the
// published header has them without that bit, later working headers with it. For all others the bit belongs to the
// type.
constexpr bool is_kem_template(std::uint64_t plain) {
  return plain == (CKA_ENCAPSULATE_TEMPLATE & ~CKF_ARRAY_ATTRIBUTE) ||
         plain == (CKA_DECAPSULATE_TEMPLATE & ~CKF_ARRAY_ATTRIBUTE);
}

consteval auto index_attributes() {
  std::array<std::uint8_t, dense_attributes> index{};
  for (std::size_t i = 0; i < std::size(attribute_rows); ++i) {
    const auto type = attribute_rows[i].type & ~std::uint64_t{CKF_ARRAY_ATTRIBUTE};
    if (type < dense_attributes) index[type] = static_cast<std::uint8_t>(i + 1);
  }
  return index;
}
constexpr auto attribute_index = index_attributes();
static_assert(std::size(attribute_rows) < 255);

// ---- Mechanisms ----

constexpr mechanism_row mechanism_rows[] = {
#define MECHANISM(name, ...) {#name, name, #__VA_ARGS__},
#define MECHANISM_ALIAS(name)
#include "cryptoki/mechanisms.def"
#undef MECHANISM
#undef MECHANISM_ALIAS
};

consteval auto sort_mechanisms() {
  std::array<std::uint16_t, std::size(mechanism_rows)> order{};
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint16_t>(i);
  std::sort(order.begin(), order.end(), [](auto a, auto b) { return mechanism_rows[a].type < mechanism_rows[b].type; });
  return order;
}
constexpr auto mechanism_order = sort_mechanisms();

// ---- Constants ----

constexpr constant_row constant_rows[] = {
#define CONSTANT(group, name) {#group, #name, static_cast<std::uint64_t>(name), false},
#define ALIAS(group, name) {#group, #name, static_cast<std::uint64_t>(name), true},
#include "cryptoki/constants/attribute_values.def"
#include "cryptoki/constants/classes.def"
#include "cryptoki/constants/flags.def"
#include "cryptoki/constants/key_types.def"
#include "cryptoki/constants/parameters.def"
#include "cryptoki/constants/return_values.def"
#undef CONSTANT
#undef ALIAS
#define ATTRIBUTE(name, ...) {"attribute", #name, name, false},
#define ATTRIBUTE_ALIAS(name) {"attribute", #name, name, true},
#include "cryptoki/attributes.def"
#undef ATTRIBUTE
#undef ATTRIBUTE_ALIAS
#define MECHANISM(name, ...) {"mechanism", #name, name, false},
#define MECHANISM_ALIAS(name) {"mechanism", #name, name, true},
#include "cryptoki/mechanisms.def"
#undef MECHANISM
#undef MECHANISM_ALIAS
};

// The groups by name, each a piece of the rows.
struct constant_group {
  std::string_view name;
  std::size_t first = 0, size = 0;  ///< in constant_rows
};

consteval std::size_t count_groups() {
  std::size_t groups = 1;
  for (std::size_t i = 1; i < std::size(constant_rows); ++i)
    groups += constant_rows[i].group != constant_rows[i - 1].group ? 1 : 0;
  return groups;
}

consteval auto make_groups() {
  std::array<constant_group, count_groups()> groups{};
  std::size_t n = 0;
  for (std::size_t i = 0; i < std::size(constant_rows); ++i) {
    if (i == 0 || constant_rows[i].group != constant_rows[i - 1].group) groups[n++] = {constant_rows[i].group, i, 0};
    ++groups[n - 1].size;
  }
  std::sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (std::size_t i = 1; i < groups.size(); ++i)
    if (groups[i].name == groups[i - 1].name) invalid_row("the constants of a group are not adjacent");
  return groups;
}
constexpr auto constant_groups = make_groups();

// Where each group is, by a hash of its name: the live log asks for several groups a call.
constexpr std::size_t group_places = 256;
constexpr std::size_t place_of_group(std::string_view name) noexcept {
  std::size_t hash = name.size();
  if (!name.empty())
    for (const char c : {name.front(), name[name.size() / 2], name.back()})
      hash = hash * 37 + static_cast<unsigned char>(c);
  return hash % group_places;
}

consteval auto index_groups() {
  static_assert(std::size(constant_groups) < group_places / 2);
  std::array<std::uint8_t, group_places> index{};
  for (std::size_t i = 0; i < constant_groups.size(); ++i) {
    auto at = place_of_group(constant_groups[i].name);
    while (index[at] != 0) at = (at + 1) % group_places;
    index[at] = static_cast<std::uint8_t>(i + 1);
  }
  return index;
}
constexpr auto group_index = index_groups();

const constant_group* find_group(std::string_view name) noexcept {
  for (auto at = place_of_group(name); group_index[at] != 0; at = (at + 1) % group_places)
    if (const auto& group = constant_groups[group_index[at] - 1u]; group.name == name) return &group;
  return nullptr;
}

// The rows, those of each group by value, aliases last. Made at compile time: the recorder asks for names in the middle of a
// call, where nothing may be locked, and nothing may take long.
consteval auto sort_by_value() {
  std::array<std::uint16_t, std::size(constant_rows)> index{};
  for (const auto& g : constant_groups) {
    const auto first = index.begin() + static_cast<std::ptrdiff_t>(g.first);
    const auto last = first + static_cast<std::ptrdiff_t>(g.size);
    for (std::size_t i = 0; i < g.size; ++i) index[g.first + i] = static_cast<std::uint16_t>(g.first + i);
    std::sort(first, last, [](std::uint16_t a, std::uint16_t b) {
      const auto &x = constant_rows[a], &y = constant_rows[b];
      return x.value != y.value ? x.value < y.value : x.alias < y.alias;
    });
  }
  return index;
}
constexpr auto constants_by_value = sort_by_value();

auto sort_by_name() {
  std::array<std::uint16_t, std::size(constant_rows)> index{};
  for (std::size_t i = 0; i < index.size(); ++i) index[i] = static_cast<std::uint16_t>(i);
  std::sort(index.begin(), index.end(), [](auto a, auto b) { return constant_rows[a].name < constant_rows[b].name; });
  return index;
}

constexpr struct {
  std::string_view group, base;
} vendor_ranges[] = {
    {"return_value", "CKR_VENDOR_DEFINED"},     {"mechanism", "CKM_VENDOR_DEFINED"},
    {"attribute", "CKA_VENDOR_DEFINED"},        {"key_type", "CKK_VENDOR_DEFINED"},
    {"object_class", "CKO_VENDOR_DEFINED"},     {"certificate_type", "CKC_VENDOR_DEFINED"},
    {"hardware_feature", "CKH_VENDOR_DEFINED"}, {"profile", "CKP_VENDOR_DEFINED"},
};
constexpr std::uint64_t vendor_start = 0x80000000;

constexpr char schema[] =
#define TYPE(name, kind, meaning) "T " #name " " #kind " " #meaning "\n"
#include "cryptoki/types.def"
#undef TYPE
#define P11TAPE_TEXT(T, N, ...) " " #T " " #N __VA_OPT__(" " #__VA_ARGS__) "\n"
#define STRUCT(name, ...) "S " #name "\n" P11TAPE_EACH(P11TAPE_TEXT, __VA_ARGS__)
#include "cryptoki/structs.def"
#undef STRUCT
#define FN(name, since, family, does, ...) \
  "F " #name " " #since " " #family " " #does "\n" P11TAPE_EACH(P11TAPE_TEXT, __VA_ARGS__)
#include "cryptoki/functions.def"
#undef FN
    ;

}  // namespace

const attribute_row* find_attribute(std::uint64_t type) noexcept {
  const auto plain = type & ~std::uint64_t{CKF_ARRAY_ATTRIBUTE};
  if (plain >= dense_attributes || attribute_index[plain] == 0) return nullptr;
  const auto& row = attribute_rows[attribute_index[plain] - 1];
  if (row.type == type || is_kem_template(plain)) return &row;
  return nullptr;
}

std::span<const attribute_row> attributes() noexcept { return attribute_rows; }

const mechanism_row* find_mechanism(std::uint64_t type) noexcept {
  const auto at = std::lower_bound(mechanism_order.begin(), mechanism_order.end(), type,
                                   [](std::uint16_t i, std::uint64_t t) { return mechanism_rows[i].type < t; });
  if (at == mechanism_order.end() || mechanism_rows[*at].type != type) return nullptr;
  return &mechanism_rows[*at];
}

std::span<const mechanism_row> mechanisms() noexcept { return mechanism_rows; }

std::span<const constant_row> constants() noexcept { return constant_rows; }

std::span<const constant_row> constants_of(std::string_view group) noexcept {
  const auto* const g = find_group(group);
  return g != nullptr ? constants().subspan(g->first, g->size) : std::span<const constant_row>{};
}

std::string_view name_of(std::string_view group, std::uint64_t value) noexcept {
  if (const auto* const g = find_group(group)) {
    const auto first = constants_by_value.begin() + static_cast<std::ptrdiff_t>(g->first);
    const auto last = first + static_cast<std::ptrdiff_t>(g->size);
    const auto at = std::lower_bound(first, last, value,
                                     [](std::uint16_t i, std::uint64_t v) { return constant_rows[i].value < v; });
    if (at != last && constant_rows[*at].value == value) return constant_rows[*at].name;
  }
  if (group == "attribute")  // the other value of a KEM template
    if (const auto* attribute = find_attribute(value)) return attribute->name;
  return {};
}

std::string display_name(std::string_view group, std::uint64_t value) {
  if (const auto name = name_of(group, value); !name.empty()) return std::string{name};
  if (const auto name = extra_name(group, value); !name.empty()) return std::string{name};
  for (const auto& r : vendor_ranges)
    if (r.group == group && value >= vendor_start && value <= 0xffffffff) {
      char digits[17];
      const auto end = std::to_chars(digits, digits + sizeof digits, value - vendor_start, 16).ptr;
      return std::string{r.base} + "+0x" + std::string{digits, end};
    }
  return {};
}

bool value_of(std::string_view name, std::uint64_t& value) noexcept {
  static const auto index = sort_by_name();
  const auto at = std::lower_bound(index.begin(), index.end(), name,
                                   [](std::uint16_t i, std::string_view n) { return constant_rows[i].name < n; });
  if (at == index.end() || constant_rows[*at].name != name) return extra_value(name, value);
  value = constant_rows[*at].value;
  return true;
}

std::string_view schema_text() noexcept { return {schema, sizeof schema - 1}; }

}  // namespace p11tape::cryptoki
