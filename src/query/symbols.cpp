// SPDX-License-Identifier: Apache-2.0
#include "query/symbols.hpp"

#include <cstdio>
#include <ctime>

#include "cryptoki/tables.hpp"
#include "text/safe.hpp"

namespace p11tape::query {
namespace {

text::bytes bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

bool stands_as_it_is(std::string_view text) noexcept {
  auto rest = bytes_of(text);
  while (!rest.empty()) {
    const auto c = text::detail::first_code_point(rest);
    if (c.size == 0 || text::misleads(c.value)) return false;
    rest = rest.subspan(c.size);
  }
  return true;
}

// `words` stands in `name` between underscores or ends.
bool has_words(std::string_view name, std::string_view words) noexcept {
  for (auto at = name.find(words); at != std::string_view::npos; at = name.find(words, at + 1)) {
    const auto end = at + words.size();
    if ((at == 0 || name[at - 1] == '_') && (end == name.size() || name[end] == '_')) return true;
  }
  return false;
}

struct family_row {
  std::string_view word, quantum_safe;
};
constexpr family_row families[] = {
#define FAMILY(word, safe) {word, #safe},
#define WEAK(words, weakness)
#define SHORT(type, bits)
#include "query/families.def"
#undef FAMILY
#undef WEAK
#undef SHORT
};

struct weak_row {
  std::string_view words, weakness;
};
constexpr weak_row weak[] = {
#define FAMILY(word, safe)
#define WEAK(words, weakness) {words, weakness},
#define SHORT(type, bits)
#include "query/families.def"
#undef FAMILY
#undef WEAK
#undef SHORT
};

struct short_row {
  std::string_view type;
  u64 bits;
};
constexpr short_row shortest[] = {
#define FAMILY(word, safe)
#define WEAK(words, weakness)
#define SHORT(type, bits) {type, bits},
#include "query/families.def"
#undef FAMILY
#undef WEAK
#undef SHORT
};

std::string_view quantum_safety(std::string_view name) noexcept {
  for (const auto& f : families)
    if (has_words(name, f.word)) return f.quantum_safe;
  return {};
}

std::string in_hex(u64 n) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llX", static_cast<unsigned long long>(n));
  return text;
}

}  // namespace

std::string safe(std::string_view text) {
  if (stands_as_it_is(text)) return std::string(text);
  return text::safe_text(bytes_of(text));
}

void append_moment(u64 wall, std::string& out) {
  if (wall == 0) return;
  // Rows of one tape lie close together: the day is worked out once.
  thread_local u64 known_minute = ~u64{0};
  thread_local char text[24];
  const auto seconds = wall / 1000000000;
  if (seconds / 60 != known_minute) {
    known_minute = seconds / 60;
    const auto t = static_cast<std::time_t>(known_minute * 60);
    std::tm parts{};
    ::gmtime_r(&t, &parts);
    if (std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:", &parts) == 0) text[0] = 0;
  }
  out += text;
  char rest[12];
  auto digits = wall % 1000000000;
  for (int i = 11; i > 2; --i, digits /= 10) rest[i] = static_cast<char>('0' + digits % 10);
  rest[2] = '.';
  rest[1] = static_cast<char>('0' + seconds % 60 % 10);
  rest[0] = static_cast<char>('0' + seconds % 60 / 10);
  out.append(rest, sizeof rest);
}

std::string_view symbols::keep(std::string_view text) {
  if (text.empty()) return {};
  if (const auto i = pool_.find(text); i != pool_.end()) return *i;
  return *pool_.emplace(text).first;
}

std::string_view symbols::return_value(u64 code) {
  const auto [i, is_new] = return_values_.try_emplace(code);
  if (is_new) {
    const auto name = cryptoki::display_name("return_value", code);
    i->second = keep(name.empty() ? in_hex(code) : name);
  }
  return i->second;
}

std::string_view symbols::constant(std::string_view group, u64 value) {
  if (value == ~u64{0}) return {};
  const auto [i, is_new] = constants_[group].try_emplace(value);
  if (is_new) {
    const auto name = cryptoki::display_name(group, value);
    i->second = keep(name.empty() ? in_hex(value) : name);
  }
  return i->second;
}

const symbols::mechanism_words& symbols::mechanism(u64 type) {
  const auto [i, is_new] = mechanisms_.try_emplace(type);
  if (is_new && type != ~u64{0}) {
    i->second.name = constant("mechanism", type);
    i->second.weakness = weakness_of_mechanism(i->second.name);
    i->second.quantum_safe = quantum_safety_of_mechanism(i->second.name);
  }
  return i->second;
}

std::string_view weakness_of_mechanism(std::string_view name) noexcept {
  if (!name.starts_with("CKM_")) return {};
  for (const auto& w : weak)
    if (has_words(name.substr(4), w.words)) return w.weakness;
  return {};
}

std::string weakness_of_key(std::string_view key_type, u64 bits) {
  if (!key_type.starts_with("CKK_")) return {};
  for (const auto& s : shortest)
    if (s.type == key_type && bits != 0 && bits < s.bits)
      return std::string(key_type.substr(4)) + "-" + std::to_string(bits);
  for (const auto& w : weak)
    if (has_words(key_type.substr(4), w.words) && !key_type.ends_with("_HMAC")) return std::string(w.weakness);
  return {};
}

std::string_view quantum_safety_of_mechanism(std::string_view name) noexcept {
  return name.starts_with("CKM_") ? quantum_safety(name.substr(4)) : std::string_view();
}

std::string_view quantum_safety_of_key(std::string_view key_type) noexcept {
  return key_type.starts_with("CKK_") ? quantum_safety(key_type.substr(4)) : std::string_view();
}

}  // namespace p11tape::query
