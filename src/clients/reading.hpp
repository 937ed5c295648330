// SPDX-License-Identifier: Apache-2.0
// What reading a client's configuration gives: where the module is named, byte for byte, and what is wrong around it.
// All readers are pure: text in, reading out. Files, permissions and tokens come later (doctor), changes too (swap).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clients/finding.hpp"
#include "clients/password.hpp"
#include "label/label.hpp"

namespace p11tape::clients {

enum class client : std::uint8_t {
  mq_ini,
  mq_string,
  ams,
  ccdt,
  java,
  openssl,
  nss,
  p11_kit,
  ssh,
  strongswan,
  nginx,
  httpd
};

/// How a path is written in the file: what must be escaped when another is put there.
enum class escaping : std::uint8_t {
  none,
  mq_ini,   ///< ; # and \ get a backslash
  java,     ///< in double quotes where characters need it; backslash and quote get a backslash inside
  openssl,  ///< in double quotes where characters need it; $ and \ get a backslash
  quoted,   ///< the bytes between double quotes: backslash and quote get a backslash
};

std::string escape(std::string_view path, escaping how);

/// One place where a module is named.
struct module_place {
  std::string path;       ///< as the client understands it
  std::string name;       ///< what the client calls the module; may be empty
  std::size_t line = 0;   ///< 1-based
  std::size_t begin = 0;  ///< bytes of the file that give the path: [begin, end)
  std::size_t end = 0;
  escaping how = escaping::none;
};

struct reading {
  client kind = client::mq_ini;
  bool recognised = true;  ///< false: this is no file of the kind
  std::vector<module_place> modules;
  findings found;

  std::optional<std::string> token_label;  ///< only where it is certain that it is not the password
  bool label_may_be_pin = false;           ///< then token_label is compared, but never printed
  std::vector<std::string> certificate_labels;
  std::vector<label::other_name> other_names;
  password_facts password;
  std::string shown;              ///< the setting as it may be printed, the password hidden; may be empty
  std::size_t string_length = 0;  ///< bytes of MQ\'s crypto-hardware string
};

/// Splits text into lines that end with LF, CR LF or CR; calls `each(line, number, begin)` without the line end.
template <typename Each>
void for_each_line(std::string_view text, Each each) {
  std::size_t number = 1;
  for (std::size_t at = 0; at < text.size(); ++number) {
    std::size_t end = at;
    while (end < text.size() && text[end] != '\n' && text[end] != '\r') ++end;
    each(text.substr(at, end - at), number, at);
    if (end < text.size() && text[end] == '\r' && end + 1 < text.size() && text[end + 1] == '\n') ++end;
    at = end + 1;
  }
}

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

constexpr std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// Equal, letters of either case being the same (ASCII).
bool same_word(std::string_view a, std::string_view b) noexcept;

/// Where `part`, a view into `whole`, begins.
inline std::size_t offset_of(std::string_view part, std::string_view whole) noexcept {
  return static_cast<std::size_t>(part.data() - whole.data());
}

/// True where the text can be nothing but EBCDIC: many letters in the places of that code, none in those of ASCII.
bool looks_ebcdic(std::string_view text) noexcept;

}  // namespace p11tape::clients
