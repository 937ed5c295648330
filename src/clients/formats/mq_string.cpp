// SPDX-License-Identifier: Apache-2.0
// Fields are counted before any is believed: with one missing, the password stands where the label is expected. So the
// label is taken, and shown, only where the number of fields and the fourth of them are right.
#include "clients/formats/mq_string.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "label/similar_characters.hpp"

namespace p11tape::clients {
namespace {

constexpr std::string_view prefix = "GSK_PKCS11=";
constexpr std::string_view symmetric_prefix = "SYMMETRIC_CIPHER_";

bool has_control(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

bool is_quote(char c) noexcept { return c == '"' || c == '\''; }

bool starts_with_word(std::string_view text, std::string_view word) noexcept {
  return text.size() >= word.size() && same_word(text.substr(0, word.size()), word);
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> fields;
  while (true) {
    const auto end = text.find(';');
    fields.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return fields;
    text.remove_prefix(end + 1);
  }
}

// A field that is no path may be the password in a wrong place: only what has a slash or the name of a library is
// shown.
bool looks_like_path(std::string_view text) noexcept {
  return text.find('/') != std::string_view::npos || text.find(":\\") != std::string_view::npos ||
         text.find(".so") != std::string_view::npos || text.ends_with(".dll") || text.ends_with(".sl");
}

constexpr std::string_view digits = "0123456789";

// In the place of the label. A word with digits beside a "password" that has none is more likely the password: the two
// fields may have changed places. A mask says nothing of what it stands for.
bool looks_like_pin(std::string_view text, std::string_view password) noexcept {
  const bool has_digit = text.find_first_of(digits) != std::string_view::npos;
  if (text.size() < 4 || !has_digit) return false;
  if (text.size() <= 12 && text.find_first_not_of(digits) == std::string_view::npos) return true;
  const bool is_word = text.size() <= 32 && text.find(' ') == std::string_view::npos;
  return is_word && !is_placeholder(password) && password.find_first_of(digits) == std::string_view::npos;
}

void check_path(mq_string& s, std::string_view path, mq_place where, std::size_t line) {
  const std::string shown =
      looks_like_path(path) ? label::quoted(path) : "It is not shown, because it may be something else.";
  if (trim(path).empty()) {
    s.found.add(code::CFG112, "", line);
    return;
  }
  if (looks_like_path(path)) s.path = std::string(path);
  if (trim(path).size() != path.size()) s.found.add(code::CFG121, shown, line);
  if (path.find_first_of("\"'") != std::string_view::npos) s.found.add(code::CFG122, shown, line);
  if (path.ends_with('\\') && where != mq_place::ini) s.found.add(code::CFG123, shown, line);
  const std::string_view bare = trim(path);
  if (bare.starts_with('~') || bare.find('$') != std::string_view::npos)
    s.found.add(code::CFG124, shown, line);
  else if (!bare.starts_with('/') && !is_quote(bare.front()) && bare.find(":\\") != 1)
    s.found.add(code::CFG120, shown, line);
}

void check_label(mq_string& s, std::string_view password, std::size_t line) {
  const std::string_view text = s.label;
  if (trim(text).empty()) {
    s.found.add(code::CFG110, "", line);
    return;
  }
  s.label_may_be_pin = looks_like_pin(text, password) || text.starts_with("<P11>");
  const std::string shown = s.label_may_be_pin ? std::to_string(text.size()) + " bytes." : label::quoted(text);
  if (s.label_may_be_pin) s.found.add(code::CFG135, shown, line);
  if (text.starts_with('/')) s.found.add(code::CFG136, shown, line);
  if (has_control(text))
    s.found.add(code::CFG134, shown, line);
  else if (trim(text).size() != text.size())
    s.found.add(code::CFG130, shown, line);
  if (is_quote(text.front()) || is_quote(text.back())) s.found.add(code::CFG131, shown, line);
  if (text.size() > label::label_size)
    s.found.add(code::CFG132, shown + " has " + std::to_string(text.size()) + " bytes.", line);
  if (!label::is_ascii(text)) s.found.add(code::CFG133, shown, line);
}

void check_cipher(mq_string& s, std::string_view field, std::size_t line) {
  const bool on = same_word(field, "SYMMETRIC_CIPHER_ON");
  const bool off = same_word(field, "SYMMETRIC_CIPHER_OFF");
  s.cipher = on ? symmetric::on : off ? symmetric::off : symmetric::unknown;
  if (on) s.found.add(code::CFG151, "", line);
  if ((on || off) && field != (on ? "SYMMETRIC_CIPHER_ON" : "SYMMETRIC_CIPHER_OFF"))
    s.found.add(code::CFG152, "", line);
  if (s.cipher == symmetric::unknown && !s.found.has(code::CFG123))
    s.found.add(code::CFG107, "Its text is not shown, because it may be part of a password.", line);
}

// MQ itself shows a mask instead of the PIN that it keeps. A string without a place may be MQ's or the client's.
severity severity_of_placeholder(mq_place where) noexcept {
  if (where == mq_place::sslcryp) return severity::info;
  return where == mq_place::ini || where == mq_place::environment ? severity::error : severity::warning;
}

std::string count_of(std::size_t n) { return std::to_string(n) + (n == 1 ? " field is there." : " fields are there."); }

void parse_fields(mq_string& s, std::string_view rest, mq_place where, std::size_t line) {
  auto fields = split(rest);
  const bool closed = fields.size() > 1 && fields.back().empty();
  if (closed) fields.pop_back();
  check_path(s, fields[0], where, line);
  s.path_begin = s.length - rest.size();
  s.path_end = s.path_begin + fields[0].size();

  const bool cipher_early = fields.size() > 1 && fields.size() < 4 && starts_with_word(fields.back(), symmetric_prefix);
  if (fields.size() == 1) {
    s.found.add(code::CFG106, count_of(1), line);
    return;
  }
  if (fields.size() == 2 || cipher_early) {
    s.found.add(code::CFG105, count_of(fields.size()) + " It is unknown which one is missing, so none is shown.", line);
    return;
  }
  if (fields.size() > 4) {
    s.found.add(code::CFG108, count_of(fields.size()), line);
    return;
  }
  if (fields.size() == 4) check_cipher(s, fields[3], line);
  if (s.cipher == symmetric::unknown) return;
  s.sound = true;
  s.label = std::string(fields[1]);
  s.password = password_facts::of(fields[2]);
  s.password_text = std::make_shared<const secret_buffer>(fields[2]);
  check_label(s, fields[2], line);
  if (!s.password.given) s.found.add(code::CFG111, "", line);
  s.password.check(s.found, line, severity_of_placeholder(where));
  if (!closed) s.found.add(code::CFG109, "", line);
  if (fields.size() == 3) s.found.add(code::CFG150, "", line);
}

}  // namespace

std::string mq_string::shown(std::string_view other_path, bool without_label) const {
  std::string out = std::string(prefix) + label::printable(other_path.empty() ? std::string_view(path) : other_path);
  if (!sound) return out + ";(the rest is not shown)";
  out += ';' + (label_may_be_pin || without_label ? std::string(hidden) : label::printable(label)) + ';' +
         (password.given ? std::string(hidden) : "") + ';';
  if (cipher != symmetric::absent) out += cipher == symmetric::on ? "SYMMETRIC_CIPHER_ON;" : "SYMMETRIC_CIPHER_OFF;";
  return out;
}

mq_string parse_mq_string(std::string_view text, mq_place where, std::size_t line) {
  mq_string s;
  s.length = text.size();
  if (trim(text).empty()) {
    s.found.add(code::CFG101, "", line);
    return s;
  }
  if (trim(text).find_first_not_of("*()") == std::string_view::npos) {
    s.found.add(code::CFG116, "", line);
    return s;
  }
  if (text.starts_with("\xC7\xE2\xD2")) {  // "GSK"
    s.found.add(code::CFG114, "", line);
    return s;
  }
  if (text.size() > mq_string_size)
    s.found.add(code::CFG113, "It has " + std::to_string(text.size()) + " bytes.", line);
  const std::string_view label_free = text.substr(0, text.find(';'));
  if (has_control(label_free)) s.found.add(code::CFG115, "", line);

  std::string_view rest = text;
  if (is_quote(rest.front())) {
    s.found.add(code::CFG103, "", line);
    if (rest.size() > 1 && rest.back() == rest.front()) rest.remove_suffix(1);
    rest.remove_prefix(1);
  }
  const std::size_t after = text.size() - (offset_of(rest, text) + rest.size());
  if (same_word(rest.substr(0, 15), "GSK_ACCELERATOR")) {
    s.found.add(code::CFG104, "", line);
    return s;
  }
  if (!rest.starts_with(prefix)) {
    s.found.add(code::CFG102, "", line);
    // The fields are read all the same where the prefix is only spelt another way.
    const auto equals = rest.find('=');
    if (equals == std::string_view::npos ||
        !same_word(trim(rest.substr(0, equals)), prefix.substr(0, prefix.size() - 1)))
      return s;
    rest.remove_prefix(equals + 1);
  } else {
    rest.remove_prefix(prefix.size());
  }
  s.length = offset_of(rest, text) + rest.size();
  parse_fields(s, rest, where, line);
  s.length += after;
  return s;
}

reading read_mq_string(std::string_view text, mq_place where) {
  reading r;
  r.kind = client::mq_string;
  auto s = parse_mq_string(text, where);
  if (!s.path.empty()) r.modules.push_back({s.path, "", 0, s.path_begin, s.path_end, escaping::none});
  r.recognised = !s.path.empty() || !(s.found.has(code::CFG102) || s.found.has(code::CFG114));
  if (s.sound && !trim(s.label).empty()) r.token_label = s.label;
  r.label_may_be_pin = s.label_may_be_pin;
  r.password = s.password;
  r.string_length = s.length;
  if (!s.path.empty()) r.shown = s.shown();
  r.password_text = s.password_text;
  r.shown_without_label = s.shown({}, true);
  r.found = std::move(s.found);
  return r;
}

}  // namespace p11tape::clients
