// SPDX-License-Identifier: Apache-2.0
#include "clients/formats/uri.hpp"

#include <algorithm>

#include "label/token_label.hpp"

namespace p11tape::clients {
namespace {

constexpr std::string_view path_names[] = {
    "token",           "manufacturer", "serial", "model", "library-manufacturer", "library-description",
    "library-version", "object",       "type",   "id",    "slot-description",     "slot-manufacturer",
    "slot-id"};
// Engines take them in the path, too.
constexpr std::string_view query_names[] = {"pin-source", "pin-value", "module-name", "module-path"};
constexpr std::string_view types[] = {"cert", "data", "private", "public", "secret-key"};

struct rename_row {
  std::string_view wrong, right;
};
// What people write instead.
constexpr rename_row renames[] = {{"label", "object"},     {"name", "object"},       {"key", "object"},
                                  {"tokenlabel", "token"}, {"token-label", "token"}, {"slot", "slot-id"},
                                  {"pin", "pin-value"},    {"object-type", "type"},  {"objecttype", "type"},
                                  {"ckaid", "id"},         {"cka_id", "id"},         {"class", "type"}};

template <class Names>
bool is_one_of(std::string_view word, const Names& names) noexcept {
  return std::find(std::begin(names), std::end(names), word) != std::end(names);
}

bool is_hex(char c) noexcept { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool is_plain(char c, bool query) noexcept {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  constexpr std::string_view marks = "-._~:[]@!$'()*+,=", more = "/?|";
  return letter || marks.find(c) != std::string_view::npos ||
         (query ? more.find(c) != std::string_view::npos : c == '&');
}

std::string decoded(std::string_view value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '%' || i + 2 >= value.size() || !is_hex(value[i + 1]) || !is_hex(value[i + 2])) {
      out += value[i];
      continue;
    }
    out += static_cast<char>(std::stoi(std::string(value.substr(i + 1, 2)), nullptr, 16));
    i += 2;
  }
  return out;
}

class checker {
 public:
  checker(std::size_t line, findings& found, std::vector<std::string>& pin_files)
      : line_(line), found_(found), pin_files_(pin_files) {}

  uri_facts facts;

  void attribute(std::string_view text, bool query) {
    if (text.empty()) return;
    const auto equals = text.find('=');
    const auto name = text.substr(0, equals);
    const auto value = equals == std::string_view::npos ? std::string_view() : text.substr(equals + 1);
    if (equals == std::string_view::npos) {
      found_.add(code::CFG829, label::quoted(name) + " has no equals sign.", line_);
      return;
    }
    const bool known = is_one_of(name, path_names) || is_one_of(name, query_names);
    if (!known && !name.starts_with("x-")) {
      const auto* rename =
          std::find_if(std::begin(renames), std::end(renames), [&](const auto& r) { return r.wrong == name; });
      found_.add(code::CFG829,
                 label::quoted(name) + (rename == std::end(renames)
                                            ? std::string(" is not an attribute of RFC 7512.")
                                            : ": RFC 7512 has " + std::string(rename->right) + "= for it."),
                 line_);
    }
    characters(name, value, query || is_one_of(name, query_names));
    if (name == "type" && !is_one_of(value, types))
      found_.add(code::CFG830, "type=" + std::string(value) + "; RFC 7512 has cert, data, private, public, secret-key.",
                 line_);
    if (name == "id" && !value.empty() && value.size() % 2 == 0 && std::all_of(value.begin(), value.end(), is_hex)) {
      std::string encoded;
      for (std::size_t i = 0; i < value.size(); i += 2) encoded += "%" + std::string(value.substr(i, 2));
      found_.add(code::CFG831,
                 "id=" + std::string(value) + " are the characters themselves; the bytes are id=" + encoded, line_);
    }
    if (name == "token") facts.token = decoded(value);
    if (name == "pin-value") facts.pin = password_facts::of(secret_buffer(decoded(value)).view());
    if (name == "pin-source") {
      auto file = decoded(value);
      if (file.starts_with("file:")) file.erase(0, 5);
      if (file.starts_with("//")) file.erase(0, 2);
      if (file.starts_with('/')) pin_files_.push_back(file);
    }
  }

 private:
  void characters(std::string_view name, std::string_view value, bool query) {
    const bool secret = name == "pin-value";
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (value[i] == '%') {
        if (i + 2 < value.size() && is_hex(value[i + 1]) && is_hex(value[i + 2])) continue;
        found_.add(code::CFG832, std::string(name) + "=: a percent sign must be followed by two hexadecimal digits.",
                   line_);
        return;
      }
      if (is_plain(value[i], query)) continue;
      if (query && value[i] == '&') continue;
      const auto which = secret ? std::string("a character") : label::quoted(value.substr(i, 1));
      found_.add(code::CFG828, std::string(name) + "= contains " + which + ", which must be percent-encoded.", line_);
      return;
    }
    // token=a&object=b: the & belongs to the value, as the path is separated by semicolons.
    for (const auto attribute_name : path_names) {
      const auto at = value.find("&" + std::string(attribute_name) + "=");
      if (!query && at != std::string_view::npos) {
        found_.add(
            code::CFG833,
            "The part from &" + std::string(attribute_name) + "= on belongs to the value of " + std::string(name) + ".",
            line_);
        return;
      }
    }
  }

  std::size_t line_;
  findings& found_;
  std::vector<std::string>& pin_files_;
};

}  // namespace

uri_facts check_uri(std::string_view uri, std::size_t line, findings& found, std::vector<std::string>& pin_files) {
  constexpr std::string_view scheme = "pkcs11:";
  if (!uri.starts_with(scheme)) return {};
  uri.remove_prefix(scheme.size());
  checker check(line, found, pin_files);
  const auto question = uri.find('?');
  auto path = uri.substr(0, question);
  while (!path.empty()) {
    const auto end = std::min(path.find(';'), path.size());
    check.attribute(path.substr(0, end), false);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  if (question == std::string_view::npos) return check.facts;
  auto query = uri.substr(question + 1);
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    check.attribute(query.substr(0, end), true);
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return check.facts;
}

}  // namespace p11tape::clients
