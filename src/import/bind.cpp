// SPDX-License-Identifier: Apache-2.0
#include "import/bind.hpp"

#include <unordered_map>

#include "cryptoki/redaction.hpp"
#include "import/scan.hpp"

namespace p11tape::import {

namespace {

// Names that loggers print and the header does not have.
constexpr struct {
  std::string_view name, instead;
} other_names[] = {
    {"CKA_ECDSA_PARAMS", "CKA_EC_PARAMS"},
    {"CKA_SUB_PRIME_BITS", "CKA_SUBPRIME_BITS"},
    {"CKK_EC_MONTOGMERY", "CKK_EC_MONTGOMERY"},
    {"CKK_ECDSA", "CKK_EC"},
    {"CKM_ECDSA_KEY_PAIR_GEN", "CKM_EC_KEY_PAIR_GEN"},
    {"CKU_CONTEXT_SPECIFIC_USER", "CKU_CONTEXT_SPECIFIC"},
    {"CK_TRUE", "CK_TRUE"},
};

// A name without the letters that say what is a pointer, a number or a handle: "pulCount" and "*ulCount" are the same.
struct bare_name {
  explicit bare_name(std::string_view s) noexcept {
    if (const auto bracket = s.find('['); bracket != std::string_view::npos) s = s.substr(0, bracket);
    while (!s.empty() && (s.front() == '*' || s.front() == '&')) s.remove_prefix(1);
    for (const std::string_view prefix : {"pul", "ul", "ph", "pp", "p", "h"})
      if (s.size() > prefix.size() && s.starts_with(prefix) && s[prefix.size()] >= 'A' && s[prefix.size()] <= 'Z') {
        s.remove_prefix(prefix.size());
        break;
      }
    for (const char c : s)
      if (c != '_' && size < sizeof text) text[size++] = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  }
  bool operator==(const bare_name& o) const noexcept {
    return std::string_view(text, size) == std::string_view(o.text, o.size);
  }
  char text[40] = {};
  std::size_t size = 0;
};

template <class Row>
int find_name(const Row& fields, std::string_view name) noexcept {
  auto plain = name;
  if (const auto bracket = plain.find('['); bracket != std::string_view::npos) plain = plain.substr(0, bracket);
  while (!plain.empty() && plain.front() == '*') plain.remove_prefix(1);
  for (std::size_t i = 0; i < fields.size(); ++i)
    if (fields[i].name == plain) return static_cast<int>(i);
  const bare_name wanted(plain);
  if (wanted.size == 0) return -1;
  for (std::size_t i = 0; i < fields.size(); ++i)
    if (bare_name(fields[i].name) == wanted) return static_cast<int>(i);
  return -1;
}

const std::unordered_map<std::string_view, u64>& constants() {
  static const auto all = [] {
    std::unordered_map<std::string_view, u64> m;
    for (const auto& c : cryptoki::constants()) m.emplace(c.name, c.value);
    for (const auto& o : other_names)
      if (u64 v = 0; cryptoki::value_of(o.instead, v)) m.emplace(o.name, v);
    return m;
  }();
  return all;
}

// "CKM_0x80000001" (p11-kit), "CKA_VENDOR_DEFINED+0x10" and "CKM_VENDOR_DEFINED | 0x10".
std::optional<u64> numeric_name(std::string_view name) noexcept {
  if (!name.starts_with("CK")) return std::nullopt;
  const auto underscore = name.find('_');
  if (underscore == std::string_view::npos) return std::nullopt;
  scanner s(name.substr(underscore + 1));
  u64 base = 0;
  if (s.literal("VENDOR_DEFINED")) {
    base = 0x80000000;
    s.blanks();
    if (!s.character('+') && !s.character('|')) return std::nullopt;
    s.blanks();
  }
  if (!s.rest.starts_with("0x")) return std::nullopt;
  const auto n = s.hex();
  if (!n || !s.at_end()) return std::nullopt;
  return *n | base;
}

}  // namespace

std::optional<cryptoki::function> find_function(std::string_view name) noexcept {
  static const auto all = [] {
    std::unordered_map<std::string_view, u16> m;
    for (std::size_t i = 0; i < cryptoki::function_count; ++i) {
      m.emplace(cryptoki::functions[i].name, static_cast<u16>(i));
      m.emplace(cryptoki::functions[i].name.substr(2), static_cast<u16>(i));
    }
    return m;
  }();
  const auto i = all.find(name);
  if (i == all.end()) return std::nullopt;
  return static_cast<cryptoki::function>(i->second);
}

std::optional<u64> find_constant(std::string_view name) noexcept {
  name = trimmed(name);
  if (name.ends_with("(NSS)")) name.remove_suffix(5);
  const auto& all = constants();
  if (const auto i = all.find(name); i != all.end()) return i->second;
  if (u64 v = 0; cryptoki::value_of(name, v)) return v;
  return numeric_name(name);
}

int find_argument(const cryptoki::function_row& row, std::string_view name) noexcept {
  return find_name(row.arguments, name);
}

int find_field(u16 structure, std::string_view name) noexcept {
  return find_name(cryptoki::records[structure].fields, name);
}

void make_structure(value& v, u16 structure) {
  if (v.what == value::kind::structure && v.id == structure) return;
  v = value{};
  v.what = value::kind::structure;
  v.id = structure;
  v.parts.resize(cryptoki::records[structure].fields.size());
}

std::optional<value> scan_version(std::string_view text) {
  scanner s(text);
  const auto major = s.decimal();
  if (!major || !s.character('.')) return std::nullopt;
  const auto minor = s.decimal();
  if (!minor) return std::nullopt;
  value version;
  make_structure(version, static_cast<u16>(cryptoki::record_named("CK_VERSION")));
  version.parts[0].set_number(*major & 0xff);
  version.parts[1].set_number(*minor & 0xff);
  return version;
}

void set_count(std::span<const cryptoki::field> row, std::vector<value>& values, std::size_t index, u64 n) {
  if (index >= row.size() || row[index].count < 0) return;
  const auto counter = static_cast<std::size_t>(row[index].count);
  if (counter >= values.size() || values[counter].known()) return;
  values[counter].set_number(row[index].counts_bits ? n * 8 : n);
}

std::size_t parameter_struct(u64 mechanism, std::string_view field) noexcept {
  const auto* m = cryptoki::find_mechanism(mechanism);
  if (m == nullptr) return cryptoki::record_count;
  for (auto rest = m->layouts;;) {
    const auto comma = rest.find_first_of(", ");
    auto word = rest.substr(0, comma);
    if (const auto id = cryptoki::record_named(word); id < cryptoki::record_count)
      if (field.empty() || find_field(static_cast<u16>(id), field) >= 0) return id;
    if (comma == std::string_view::npos) return cryptoki::record_count;
    rest.remove_prefix(comma + 1);
  }
}

std::optional<std::size_t> parameter_field(value& mechanism, std::string_view name) {
  if (mechanism.parts.empty()) mechanism.parts.emplace_back();
  auto& parameter = mechanism.parts.front();
  if (parameter.what != value::kind::structure) {
    const auto id = parameter_struct(mechanism.number, name);
    if (id == cryptoki::record_count) return std::nullopt;
    make_structure(parameter, static_cast<u16>(id));
  }
  const int i = find_field(parameter.id, name);
  if (i < 0) return std::nullopt;
  return static_cast<std::size_t>(i);
}

bool is_secret(cryptoki::redaction_class c) noexcept { return cryptoki::treat(0, c) != cryptoki::treatment::whole; }

bool is_secret_attribute(u64 type, bool certificate) noexcept {
  const auto* row = cryptoki::find_attribute(type);
  if (row == nullptr) return true;
  if (row->secret == cryptoki::redaction_class::value) return !certificate;
  return is_secret(row->secret);
}

}  // namespace p11tape::import
