// SPDX-License-Identifier: Apache-2.0
// Texts that rows repeat: kept once, for as long as the pool lives, made safe for any reader.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "query/model.hpp"

namespace p11tape::query {

/// Text of a tape as rows show it: what is UTF-8 without control characters as it is, all else escaped as `p11tape
/// show` escapes it. So it is always valid UTF-8 on one line.
std::string safe(std::string_view text);

/// "2026-11-21 18:05:01.123456789", in UTC; "" for 0.
void append_moment(u64 wall, std::string& out);

class symbols {
 public:
  /// The same text, for good.
  std::string_view keep(std::string_view text);
  std::string_view keep_safe(std::string_view text) { return keep(safe(text)); }

  std::string_view return_value(u64 code);
  /// `group` is one of the groups of constants. "" for `unknown`.
  std::string_view constant(std::string_view group, u64 value);

  struct mechanism_words {
    std::string_view name, weakness, quantum_safe;
  };
  const mechanism_words& mechanism(u64 type);

 private:
  struct hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
  };
  std::unordered_set<std::string, hash, std::equal_to<>> pool_;
  std::unordered_map<u64, std::string_view> return_values_;
  std::unordered_map<std::string_view, std::unordered_map<u64, std::string_view>> constants_;
  std::unordered_map<u64, mechanism_words> mechanisms_;
};

/// What is weak about a mechanism, by its name: "SHA-1", "MD5" ...; "" if nothing is known to be.
std::string_view weakness_of_mechanism(std::string_view name) noexcept;
/// The same for a key: "RSA-1024".
std::string weakness_of_key(std::string_view key_type, u64 bits);
/// "yes", "no" or "": whether a large quantum computer breaks it.
std::string_view quantum_safety_of_mechanism(std::string_view name) noexcept;
std::string_view quantum_safety_of_key(std::string_view key_type) noexcept;

}  // namespace p11tape::query
