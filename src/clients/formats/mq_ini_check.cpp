// SPDX-License-Identifier: Apache-2.0
// What is checked in a mqclient.ini: first its lexical traps, then the crypto-hardware string itself.
#include <algorithm>
#include <string>
#include <utility>

#include "clients/formats/mq_ini.hpp"
#include "clients/formats/mq_string.hpp"
#include "label/token_label.hpp"

namespace p11tape::clients {
namespace {

constexpr std::size_t npos = static_cast<std::size_t>(-1);
constexpr std::string_view stanza_name = "SSL";
constexpr std::string_view attribute_name = "SSLCryptoHardware";
using kind = ini_line::kind;

bool mentions_driver(std::string_view text) noexcept { return text.find("GSK_PKCS11") != std::string_view::npos; }

bool check_whole_file(reading& r, std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    r.found.add(code::CFG212);
    return false;
  }
  if (looks_ebcdic(text)) {
    r.found.add(code::CFG214);
    return false;
  }
  if (text.find('\0') != std::string_view::npos) {
    r.found.add(code::CFG217);
    return false;
  }
  if (text.starts_with("\xEF\xBB\xBF")) r.found.add(code::CFG211, "", 1);
  if (text.find('\r') != std::string_view::npos) r.found.add(code::CFG215);
  return true;
}

// A name that is meant to be the attribute's, but is not: "SSLCryptoHW", "CryptoHardware", "SSLCRYP".
bool looks_misspelt(const ini_line& l) noexcept {
  if (same_word(l.name, attribute_name)) return false;
  return mentions_driver(l.value) || same_word(l.name, "SSLCryptoHW") || same_word(l.name, "CryptoHardware") ||
         same_word(l.name, "SSLCRYP") || same_word(l.name, "MQSSLCRYP");
}

void check_stanza(reading& r, const ini_document& doc, const ini_line& l) {
  const std::string_view after = l.text.substr(l.text.find(':') + 1);
  if (after.find('=') != std::string_view::npos && after.find("GSK_PKCS11") != std::string_view::npos)
    r.found.add(code::CFG207, "The line starts the stanza " + label::quoted(l.name) + "; the rest of it is not read.",
                l.number);
  const ini_line* first = doc.find_stanza(l.name);
  if (first != &l)
    r.found.add(code::CFG204, std::string(l.name) + ": already given on line " + std::to_string(first->number) + ".",
                l.number);
}

void check_attribute(reading& r, const ini_document& doc, const ini_line& l) {
  const bool is_driver = same_word(l.name, attribute_name);
  if (l.stanza == npos) {
    r.found.add(code::CFG203, label::quoted(l.name), l.number);
    return;
  }
  const ini_line& head = doc.lines()[l.stanza];
  if (looks_misspelt(l)) r.found.add(code::CFG208, "The name is " + label::quoted(l.name) + ".", l.number);
  if (is_driver && doc.find_stanza(stanza_name) != &head)
    r.found.add(code::CFG206,
                "It is below " + std::string(head.name) + ": from line " + std::to_string(head.number) + ".", l.number);
  if (!l.has_equals) r.found.add(code::CFG209, "", l.number);
  if (l.text.ends_with('\\') && !l.text.ends_with("\\\\")) r.found.add(code::CFG210, "", l.number);
  const bool again = std::any_of(doc.lines().begin(), doc.lines().end(), [&](const ini_line& o) {
    return o.what == kind::attribute && o.stanza == l.stanza && o.number > l.number && same_word(o.name, l.name);
  });
  if (again) r.found.add(code::CFG205, std::string(l.name), l.number);
}

// The value is the driver's path alone, or ends within a field, and a comment follows at once: that was no comment.
bool cut_by_comment(reading& r, const ini_line& l, const mq_string& s) {
  if (s.sound || l.comment.empty() || !l.has_equals) return false;
  const bool adjacent = l.value.data() + l.value.size() == l.comment.data();
  if (!adjacent && l.comment.find(';', 1) == std::string_view::npos) return false;  // a comment that was meant as one
  const bool semicolon = l.comment.front() == ';';
  r.found.add(semicolon ? code::CFG201 : code::CFG202,
              s.path.empty() ? ""
                             : "MQ reads " + label::quoted("GSK_PKCS11=" + s.path) +
                                   (s.found.has(code::CFG106) ? "" : " and no complete fields") + ".",
              l.number);
  return true;
}

void read_driver(reading& r, std::string_view text, const ini_line& l) {
  const secret_buffer value = ini_document::unescape(l.value);
  auto s = parse_mq_string(value.view(), mq_place::ini, l.number);
  const bool cut = cut_by_comment(r, l, s);
  // Where the value was cut, what is missing behind the cut is no finding of its own.
  for (const auto& f : s.found.all()) {
    const bool consequence = f.what == code::CFG105 || f.what == code::CFG106 || f.what == code::CFG107;
    if (!(cut && consequence)) r.found.add(f.what, f.detail, f.line);
  }
  if (s.found.has(code::CFG109) && !l.comment.empty() && l.comment.front() == '#' &&
      l.value.data() + l.value.size() == l.comment.data())
    r.found.add(code::CFG202, "A comment follows the value without a space.", l.number);
  if (!s.path.empty()) {
    // The path in the file: behind the prefix, up to the first separator, which is escaped there.
    const std::size_t start = l.value.find('=') + 1;
    std::size_t end = start;
    while (end < l.value.size() && l.value.substr(end, 2) != "\\;") end += l.value.substr(end, 1) == "\\" ? 2 : 1;
    const std::size_t base = offset_of(l.value, text);
    r.modules.push_back({s.path, "", l.number, base + start, base + std::min(end, l.value.size()), escaping::mq_ini});
    r.shown = s.shown();
    r.shown_without_label = s.shown({}, true);
  }
  if (s.sound && !trim(s.label).empty()) r.token_label = s.label;
  r.label_may_be_pin = s.label_may_be_pin;
  r.password = s.password;
  r.password_text = s.password_text;
  if (s.password.in_clear_text()) r.found.add(code::CFG147, "", l.number);
}

}  // namespace

reading read_mq_ini(std::string_view text) {
  reading r;
  r.kind = client::mq_ini;
  if (!check_whole_file(r, text)) {
    r.recognised = false;
    return r;
  }
  const ini_document doc(text);
  for (const auto& l : doc.lines()) {
    if (l.what == kind::stanza) check_stanza(r, doc, l);
    if (l.what == kind::attribute) check_attribute(r, doc, l);
  }
  const ini_line* driver = doc.find(stanza_name, attribute_name);
  if (driver == nullptr) {
    r.found.add(code::CFG213);
    return r;
  }
  read_driver(r, text, *driver);
  if (const ini_line* certificate = doc.find(stanza_name, "CertificateLabel");
      certificate != nullptr && !certificate->value.empty())
    r.certificate_labels.emplace_back(ini_document::unescape(certificate->value).view());
  const ini_line* scope = doc.find(stanza_name, "EnvironmentScope");
  if (scope != nullptr && same_word(scope->value, "CONNECTION")) r.found.add(code::CFG218, "", scope->number);
  if (doc.find(stanza_name, "SSLKeyRepository") == nullptr) r.found.add(code::CFG219);
  return r;
}

}  // namespace p11tape::clients
