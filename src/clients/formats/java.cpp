// SPDX-License-Identifier: Apache-2.0
// The words of the file are those of java.io.StreamTokenizer as SunPKCS11 sets it up: letters, digits and :._-/\${}*+~
// are words, "..." is a string, # begins a comment anywhere, ( ) , = stand for themselves, the rest is an error.
#include "clients/formats/java.hpp"
#include "cryptoki/tables.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <string>

namespace p11tape::clients {
namespace {

constexpr std::string_view keywords[] = {"name",
                                         "library",
                                         "description",
                                         "slot",
                                         "slotListIndex",
                                         "enabledMechanisms",
                                         "disabledMechanisms",
                                         "attributes",
                                         "handleStartupErrors",
                                         "insertionCheckInterval",
                                         "showInfo",
                                         "keyStoreCompatibilityMode",
                                         "explicitCancel",
                                         "omitInitialize",
                                         "allowSingleThreadedModules",
                                         "functionList",
                                         "nssUseSecmod",
                                         "nssLibraryDirectory",
                                         "nssSecmodDirectory",
                                         "nssModule",
                                         "nssDbMode",
                                         "nssNetscapeDbWorkaround",
                                         "nssArgs",
                                         "nssUseSecmodTrust",
                                         "useEcX963Encoding",
                                         "nssOptimizeSpace",
                                         "cleaner.shortInterval",
                                         "cleaner.longInterval",
                                         "tokenlabel",
                                         "tokenLabel",
                                         "destroyTokenAfterLogout",
                                         "CKAAllowedMechanisms",
                                         "allowLegacy"};

bool is_word(char c) noexcept {
  const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  return letter || std::string_view(":._-/\\${}*+~").find(c) != std::string_view::npos;
}

struct setting {
  std::string_view key;
  std::string value;      ///< words joined by one blank, quotes undone
  std::size_t begin = 0;  ///< of the raw value, quotes included
  std::size_t end = 0;
  bool quoted = false;
  bool braced = false;      ///< attributes(...) = { ... }
  std::string_view inside;  ///< what is between the braces
};

// One logical line: it goes on while a brace or bracket is open.
class scanner {
 public:
  scanner(std::string_view text, reading& r) : text_(text), r_(r) {}

  template <typename Each>
  void run(Each each) {
    while (at_ < text_.size()) {
      skip_blank_lines();
      if (at_ >= text_.size()) return;
      const std::size_t line = line_;
      setting s;
      if (read_setting(s)) each(s, line);
      skip_line();
    }
  }

 private:
  bool at_end_of_line() const noexcept {
    return at_ >= text_.size() || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '#';
  }
  void skip_blanks() noexcept {
    while (at_ < text_.size() && static_cast<unsigned char>(text_[at_]) <= ' ' && text_[at_] != '\n' &&
           text_[at_] != '\r')
      ++at_;
  }
  void skip_line() noexcept {
    while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\r') ++at_;
    if (at_ < text_.size() && text_[at_] == '\r' && text_.substr(at_ + 1, 1) == "\n") ++at_;
    if (at_ < text_.size()) ++at_, ++line_;
  }
  void skip_blank_lines() noexcept {
    for (skip_blanks(); at_ < text_.size() && at_end_of_line(); skip_blanks()) skip_line();
  }

  bool read_setting(setting& s) {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    s.key = text_.substr(start, at_ - start);
    skip_blanks();
    if (!s.key.empty() && at_ < text_.size() && text_[at_] == '(') {  // attributes(generate, *, *) = {
      skip_braces(s);
      return true;
    }
    if (s.key.empty() || at_ >= text_.size() || text_[at_] != '=') {
      r_.found.add(code::CFG708, "", line_);
      return false;
    }
    ++at_;
    skip_blanks();
    if (at_ < text_.size() && text_[at_] == '{') {
      skip_braces(s);
      return true;
    }
    return read_value(s);
  }

  bool read_value(setting& s) {
    s.begin = s.end = at_;
    for (skip_blanks(); !at_end_of_line(); skip_blanks()) {
      const bool readable = text_[at_] == '"' || is_word(text_[at_]);
      if (!s.value.empty() && readable) s.value += ' ';
      if (text_[at_] == '"') {
        if (!read_string(s)) return false;
      } else if (is_word(text_[at_])) {
        while (at_ < text_.size() && is_word(text_[at_])) s.value += text_[at_++];
      } else {
        r_.found.add(code::CFG707, std::string(s.key) + ": the character " + label::quoted(text_.substr(at_, 1)),
                     line_);
        // The rest of the line is taken as meant, so that the path can still be named.
        while (!at_end_of_line()) s.value += text_[at_++];
        s.value = std::string(trim(s.value));
      }
      s.end = at_;
    }
    s.end = s.begin + trim(text_.substr(s.begin, s.end - s.begin)).size();
    return true;
  }

  bool read_string(setting& s) {
    s.quoted = true;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\n' || text_[at_] == '\r') break;
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      s.value += text_[at_];
    }
    if (at_ >= text_.size() || text_[at_] != '"') {
      r_.found.add(code::CFG708, "A quote is not closed.", line_);
      return false;
    }
    ++at_;
    return true;
  }

  // Passes over { ... } on several lines.
  void skip_braces(setting& s) {
    s.braced = true;
    const std::size_t line = line_;
    bool opened = false;
    std::size_t begin = at_;
    while (at_ < text_.size()) {
      if (text_[at_] == '{' && !opened) {
        opened = true;
        begin = at_ + 1;
      }
      if (text_[at_] == '}' && opened) {
        s.inside = text_.substr(begin, at_ - begin);
        return;
      }
      if (text_[at_] == '\n') ++line_;
      ++at_;
    }
    r_.found.add(code::CFG708, "A brace is not closed.", line);
  }

  std::string_view text_;
  reading& r_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

// Values as SunPKCS11 parses them: true, false, null, 0h and hexadecimal digits for bytes, 0x... or a decimal number.
void check_attributes(reading& r, const setting& s, std::size_t first_line) {
  constexpr std::string_view digits = "0123456789", hex_digits = "0123456789abcdefABCDEF";
  const auto only = [](std::string_view text, std::string_view allowed) {
    return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
  };
  for_each_line(s.inside, [&](std::string_view raw, std::size_t number, std::size_t) {
    auto text = trim(raw.substr(0, raw.find('#')));
    const auto equals = text.find('=');
    if (text.empty() || equals == std::string_view::npos) return;
    const auto name = trim(text.substr(0, equals)), value = trim(text.substr(equals + 1));
    const auto line = first_line + number - 1;
    const bool numeric = only(name, digits) || (name.starts_with("0x") && only(name.substr(2), hex_digits));
    std::uint64_t type = 0;
    const bool known = name.starts_with("CKA_") && cryptoki::value_of(name, type);
    if (!known && !numeric) r.found.add(code::CFG716, label::quoted(name), line);
    const bool bytes = value.starts_with("0h") && only(value.substr(2), hex_digits) && value.size() % 2 == 0;
    const bool number_given = only(value, digits) || (value.starts_with("0x") && only(value.substr(2), hex_digits));
    if (value != "true" && value != "false" && value != "null" && !bytes && !number_given) {
      r.found.add(code::CFG714, std::string(name) + " = " + label::quoted(value), line);
      return;
    }
    const auto* row = known ? cryptoki::find_attribute(type) : nullptr;
    const bool wants_number =
        row != nullptr && (row->kind == cryptoki::form::number || row->kind == cryptoki::form::flag);
    if (row != nullptr && number_given && !wants_number)
      r.found.add(code::CFG715, std::string(name) + " = " + std::string(value), line);
  });
}

void take_library(reading& r, const setting& s, std::size_t line) {
  r.modules.push_back({s.value, "", line, s.begin, s.end, escaping::java});
  const bool expands = s.value.starts_with("${");
  if (!s.value.starts_with('/') && !expands) r.found.add(code::CFG703, label::quoted(s.value), line);
}

// java.security: security.provider.12=SunPKCS11 /etc/pkcs11.cfg
bool read_provider_list(reading& r, std::string_view text) {
  bool any = false;
  for_each_line(text, [&](std::string_view raw, std::size_t number, std::size_t) {
    const std::string_view line = trim(raw);
    if (!line.starts_with("security.provider.")) return;
    any = true;
    const std::string_view value = trim(line.substr(std::min(line.find('='), line.size() - 1) + 1));
    if (value.find("PKCS11") == std::string_view::npos) return;
    const auto blank = value.find(' ');
    r.found.add(code::CFG712,
                blank == std::string_view::npos ? label::quoted(value) + " names no configuration file."
                                                : "Its configuration file: " + label::quoted(trim(value.substr(blank))),
                number);
  });
  return any;
}

}  // namespace

reading read_java(std::string_view text) {
  reading r;
  r.kind = client::java;
  if (read_provider_list(r, text)) return r;
  std::set<std::string, std::less<>> seen;
  scanner(text, r).run([&](const setting& s, std::size_t line) {
    const bool known = std::find(std::begin(keywords), std::end(keywords), s.key) != std::end(keywords);
    if (!known) r.found.add(code::CFG706, label::quoted(s.key), line);
    if (!seen.emplace(s.key).second && s.key != "attributes") r.found.add(code::CFG711, std::string(s.key), line);
    if (s.key == "attributes" && s.braced) check_attributes(r, s, line);
    if (s.braced) return;
    if (s.key == "library") take_library(r, s, line);
    if (s.key == "name") r.other_names.push_back({"the name of the Java provider", s.value});
    if (same_word(s.key, "tokenlabel")) r.token_label = s.value;
    if (s.key == "slot" || s.key == "slotListIndex")
      r.found.add(code::CFG705, std::string(s.key) + " = " + s.value, line);
    if (s.key == "functionList") r.found.add(code::CFG709, s.value, line);
    if (s.key == "omitInitialize" && same_word(s.value, "true")) r.found.add(code::CFG713, "", line);
    if (s.key == "handleStartupErrors" && s.value.starts_with("ignore")) r.found.add(code::CFG713, s.value, line);
  });
  r.recognised = seen.contains("library") || seen.contains("name");
  const bool nss = seen.contains("nssLibraryDirectory") || seen.contains("nssUseSecmod");
  if (!seen.contains("name")) r.found.add(code::CFG701);
  if (!seen.contains("library") && !nss) r.found.add(code::CFG702);
  if (seen.contains("slot") && seen.contains("slotListIndex"))
    r.found.add(code::CFG704);
  else if (!seen.contains("slot") && !seen.contains("slotListIndex") && !r.token_label && !nss)
    r.found.add(code::CFG710);
  return r;
}

}  // namespace p11tape::clients
