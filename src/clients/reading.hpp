// SPDX-License-Identifier: Apache-2.0
// What reading a client's configuration gives: where the module is named, byte for byte, and what is wrong around it.
// All readers are pure: text in, reading out. Files, permissions and tokens come later (doctor), changes too (swap).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clients/config_finding.hpp"
#include "clients/password.hpp"
#include "clients/secret_buffer.hpp"
#include "label/token_label.hpp"
#include "text/lines.hpp"

namespace p11tape::clients {

enum class client : std::uint8_t {
#define CLIENT(kind, name, option, argument, help, reader, tag, user, swap, restart) kind,
#include "clients/clients.def"
#undef CLIENT
};

inline constexpr std::size_t client_count = 0
#define CLIENT(kind, name, option, argument, help, reader, tag, user, swap, restart) +1
#include "clients/clients.def"
#undef CLIENT
    ;

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
  std::vector<std::string> pin_files;  ///< that PKCS#11 URIs name
  std::vector<label::other_name> other_names;
  password_facts password;
  std::shared_ptr<const secret_buffer> password_text;  ///< to be compared with labels only; null: not known
  std::string shown_without_label;  ///< `shown`, for the case that label and password have changed places
  std::string shown;                ///< the setting as it may be printed, the password hidden; may be empty
  std::size_t string_length = 0;    ///< bytes of MQ's crypto-hardware string
};

using text::for_each_line;
using text::is_space;
using text::offset_of;
using text::same_word;
using text::trim;

/// True where the text can be nothing but EBCDIC: many letters in the places of that code, none in those of ASCII.
bool looks_ebcdic(std::string_view text) noexcept;

}  // namespace p11tape::clients
