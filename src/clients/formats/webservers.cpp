// SPDX-License-Identifier: Apache-2.0
// nginx and httpd name keys, not modules: what is checked is the address of the key and what must stand beside it.
#include <algorithm>
#include <string>
#include <vector>

#include "clients/formats/servers.hpp"
#include "clients/formats/uri.hpp"

namespace p11tape::clients {
namespace {

std::string_view unquote(std::string_view value) noexcept {
  if (value.size() > 1 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
    return value.substr(1, value.size() - 2);
  return value;
}

// Words of a directive; quotes keep spaces together, and a backslash escapes the quote inside them.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> out;
  for (line = trim(line); !line.empty(); line = trim(line)) {
    std::string word;
    std::size_t at = 0;
    if (line.front() == '"' || line.front() == '\'') {
      for (at = 1; at < line.size() && line[at] != line.front(); ++at) {
        if (line[at] == '\\' && at + 1 < line.size() && (line[at + 1] == line.front() || line[at + 1] == '\\')) ++at;
        word += line[at];
      }
      at = std::min(at + 1, line.size());
    } else {
      while (at < line.size() && !is_space(line[at])) word += line[at++];
    }
    out.push_back(std::move(word));
    line.remove_prefix(at);
  }
  return out;
}

// The directives of httpd: a line each, which a backslash at its end continues; a # begins a comment at the start only.
// Sections (<VirtualHost ...>) are lines, too.
template <class Each>
void for_each_httpd_directive(std::string_view text, Each each) {
  std::string joined;
  std::size_t begun = 0;
  const auto end_line = [&] {
    const auto line = trim(joined);
    if (!line.empty() && line.front() != '#') each(words_of(line), begun);
    joined.clear();
    begun = 0;
  };
  for_each_line(text, [&](std::string_view raw, std::size_t number, std::size_t) {
    if (begun == 0) begun = number;
    if (raw.ends_with('\\')) {
      joined += raw.substr(0, raw.size() - 1);
      return;
    }
    joined += raw;
    end_line();
  });
  if (begun != 0) end_line();
}

// The directives of nginx: words up to a semicolon or a brace, whatever the lines; a # begins a comment.
template <class Each>
void for_each_directive(std::string_view text, Each each) {
  std::vector<std::string_view> words;
  std::size_t line = 1, begun = 1;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '\n') ++line;
    if (is_space(c)) {
      ++at;
    } else if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
    } else if (c == ';' || c == '{' || c == '}') {
      if (!words.empty()) each(words, begun);
      words.clear();
      ++at;
    } else {
      if (words.empty()) begun = line;
      std::size_t end = at;
      if (c == '"' || c == '\'') {
        for (end = at + 1; end < text.size() && text[end] != c; ++end)
          if (text[end] == '\\') ++end;
        end = std::min(end + 1, text.size());
      } else {
        while (end < text.size() && !is_space(text[end]) && text[end] != ';' && text[end] != '{' && text[end] != '}')
          ++end;
      }
      const auto word = text.substr(at, end - at);
      line += static_cast<std::size_t>(std::count(word.begin(), word.end(), '\n'));
      words.push_back(unquote(word));
      at = end;
    }
  }
  if (!words.empty()) each(words, begun);
}

bool has_pin(std::string_view address) noexcept { return address.find("pin-value=") != std::string_view::npos; }

void check_address(reading& r, std::string_view address, std::size_t line) {
  const std::string shown = label::quoted(without_pin_value(address));
  if (has_pin(address)) r.found.add(code::CFG822, shown, line);
  if (address.find("slot_") != std::string_view::npos || address.find("slot-id=") != std::string_view::npos)
    r.found.add(code::CFG827, shown, line);
  const auto at = address.find("pkcs11:");
  const std::string_view key = address.substr(at + 7);
  if (trim(key).empty()) r.found.add(code::CFG826, shown, line);
  // engine:NAME:KEY, where the key is a URI or the engine's own form; store:URI; URI.
  if (address.starts_with("engine:pkcs11:")) address.remove_prefix(std::string_view("engine:pkcs11:").size());
  if (address.starts_with("store:")) address.remove_prefix(std::string_view("store:").size());
  const auto files = r.pin_files.size();
  const auto facts = check_uri(address, line, r.found, r.pin_files);
  // Token and PIN of one key belong together: the last key that has a PIN.
  if (!facts.pin.given && r.pin_files.size() == files) return;
  r.password = facts.pin;
  r.token_label = facts.token.empty() ? std::nullopt : std::optional(facts.token);
}

}  // namespace

std::string without_pin_value(std::string_view address) {
  std::string out;
  while (true) {
    const auto at = address.find("pin-value=");
    if (at == std::string_view::npos) return out + std::string(address);
    out += std::string(address.substr(0, at)) + "pin-value=" + std::string(hidden);
    address.remove_prefix(at);
    address.remove_prefix(std::min(address.find_first_of(";&?\"' \t"), address.size()));
  }
}

reading read_nginx(std::string_view text) {
  reading r;
  r.kind = client::nginx;
  bool key_on_token = false, by_engine = false, engine_named = false, environment = false;
  std::string_view key_before =
      text.substr(0, 0);  // an address without quotes ends at its first semicolon; what follows is a PIN all the same
  for_each_directive(text, [&](const std::vector<std::string_view>& words, std::size_t number) {
    if (has_pin(words[0]))
      r.found.add(
          code::CFG822,
          label::quoted(without_pin_value(text.substr(
              offset_of(key_before, text), offset_of(words[0], text) + words[0].size() - offset_of(key_before, text)))),
          number);
    if (words.size() < 2) return;
    if (words[0].ends_with("ssl_certificate_key")) key_before = words[1];
    if (words[0] == "include" && !r.found.has(code::CFG732) && !words[1].ends_with("mime.types"))
      r.found.add(code::CFG732, label::quoted(words[1]), number);
    if (words[0] == "env" && words[1].starts_with("OPENSSL_CONF")) environment = true;
    if (words[0] == "ssl_engine") engine_named = true;
    if (words[0] != "ssl_certificate_key" && words[0] != "proxy_ssl_certificate_key") return;
    const bool engine = words[1].starts_with("engine:"), store = words[1].starts_with("store:");
    if (!engine && !store) {
      if (words[1].starts_with("pkcs11:"))
        r.found.add(code::CFG826, label::quoted(without_pin_value(words[1])), number);
      return;
    }
    key_on_token = true;
    by_engine |= engine;
    if (words[1].find("pkcs11:") == std::string_view::npos) {
      r.found.add(code::CFG826, "It does not name pkcs11.", number);
      return;
    }
    check_address(r, words[1], number);
  });
  if (!key_on_token) {
    r.found.add(code::CFG821);
    return r;
  }
  if (by_engine && !engine_named) r.found.add(code::CFG825);
  if (!environment) r.found.add(code::CFG824);
  r.found.add(code::CFG823);
  return r;
}

reading read_httpd(std::string_view text) {
  reading r;
  r.kind = client::httpd;
  bool key_on_token = false, engine_named = false;
  for_each_httpd_directive(text, [&](const std::vector<std::string>& words, std::size_t number) {
    if (words.size() < 2) return;
    if ((same_word(words[0], "Include") || same_word(words[0], "IncludeOptional")) && !r.found.has(code::CFG732))
      r.found.add(code::CFG732, label::quoted(words[1]), number);
    if (same_word(words[0], "SSLCryptoDevice")) engine_named = same_word(words[1], "pkcs11");
    const bool key = same_word(words[0], "SSLCertificateKeyFile"),
               certificate = same_word(words[0], "SSLCertificateFile");
    if ((!key && !certificate) || words[1].find("pkcs11:") == std::string_view::npos) return;
    key_on_token = true;
    if (words[1].starts_with("pkcs11:"))
      check_address(r, words[1], number);
    else
      r.found.add(code::CFG826, label::quoted(without_pin_value(words[1])), number);
  });
  if (!key_on_token) {
    r.found.add(code::CFG821);
    return r;
  }
  if (!engine_named) r.found.add(code::CFG825);
  r.found.add(code::CFG823);
  return r;
}

}  // namespace p11tape::clients
