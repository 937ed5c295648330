// SPDX-License-Identifier: Apache-2.0
// Lines `prefix.name = value`. The prefix says the kind of key store; a file with several is legal, and seldom meant.
#include "clients/formats/ams.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>

namespace p11tape::clients {
namespace {

constexpr std::string_view token_prefix = "pkcs11.";
constexpr std::string_view required[] = {"library", "certificate", "token", "token_pin"};
constexpr std::string_view known[] = {"library",   "certificate",        "token",
                                      "token_pin", "secondary_keystore", "encrypted"};
constexpr std::string_view other_prefixes[] = {"cms.", "pem.", "jks.", "jceks.", "jceracfks."};

template <typename List>
bool is_in(const List& list, std::string_view word) {
  return std::any_of(std::begin(list), std::end(list), [&](std::string_view w) { return same_word(w, word); });
}

bool is_quoted(std::string_view value) noexcept {
  return value.size() > 1 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
}

void take_token(reading& r, std::string_view value, std::size_t line) {
  r.token_label = std::string(value);
  if (value.size() > label::label_size) r.found.add(code::CFG132, label::quoted(value), line);
  const bool plain =
      std::all_of(value.begin(), value.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (!plain) r.found.add(code::CFG133, label::quoted(value), line);
}

void take(reading& r, std::string_view text, std::string_view name, std::string_view value, std::size_t line) {
  const bool secret = same_word(name, "token_pin");
  if (is_quoted(value)) r.found.add(code::CFG404, secret ? "pkcs11.token_pin" : label::quoted(value), line);
  if (same_word(name, "library")) {
    const std::size_t begin = offset_of(value, text);
    r.modules.push_back({std::string(value), "AMS", line, begin, begin + value.size(), escaping::none});
    if (!value.starts_with('/')) r.found.add(code::CFG120, label::quoted(value), line);
  } else if (same_word(name, "token")) {
    take_token(r, value, line);
  } else if (same_word(name, "certificate")) {
    r.certificate_labels.emplace_back(value);
    r.other_names.push_back({"the certificate label pkcs11.certificate", std::string(value)});
  } else if (secret) {
    r.password = password_facts::of(value);
    r.password.check(r.found, line);
  } else if (same_word(name, "secondary_keystore") && value.ends_with(".kdb")) {
    r.found.add(code::CFG405, label::quoted(value), line);
  }
}

}  // namespace

reading read_keystore_conf(std::string_view text) {
  reading r;
  r.kind = client::ams;
  std::set<std::string> seen, prefixes;
  bool is_protected = false, recognised = false;
  for_each_line(text, [&](std::string_view raw, std::size_t number, std::size_t) {
    const std::string_view line = trim(raw);
    const auto equals = line.find('=');
    if (line.empty() || line.front() == '#' || equals == std::string_view::npos) return;
    const std::string_view name = trim(line.substr(0, equals));
    const std::string_view value = trim(line.substr(equals + 1));
    for (const auto prefix : other_prefixes)
      if (same_word(name.substr(0, prefix.size()), prefix)) prefixes.emplace(prefix);
    if (same_word(name.substr(0, 8), "amscred.")) recognised = true;
    if (!same_word(name.substr(0, token_prefix.size()), token_prefix)) return;
    const std::string_view setting = name.substr(token_prefix.size());
    prefixes.emplace(token_prefix);
    if (!is_in(known, setting)) r.found.add(code::CFG408, label::quoted(name), number);
    std::string key;
    for (const auto k : known)
      if (same_word(k, setting)) key = k;
    if (!key.empty() && !seen.insert(key).second) r.found.add(code::CFG406, label::quoted(name), number);
    if (value.empty())
      seen.erase(key);
    else
      take(r, text, setting, value, number);
    if (same_word(setting, "encrypted")) is_protected = same_word(value, "yes");
  });
  r.recognised = recognised || !prefixes.empty();
  if (!prefixes.contains(std::string(token_prefix))) {
    r.found.add(code::CFG407);
    return r;
  }
  for (const auto name : required)
    if (!seen.contains(std::string(name))) r.found.add(code::CFG401, "pkcs11." + std::string(name));
  if (prefixes.size() > 1) {
    std::string list;
    for (const auto& p : prefixes) list += (list.empty() ? "" : ", ") + p.substr(0, p.size() - 1);
    r.found.add(code::CFG403, list);
  }
  if (r.password.in_clear_text() && !is_protected) r.found.add(code::CFG402);
  return r;
}

}  // namespace p11tape::clients
