// SPDX-License-Identifier: Apache-2.0
#include "diagnose/report/explain.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "card/status.hpp"
#include "clients/config_finding.hpp"
#include "cryptoki/extra_names.hpp"
#include "cryptoki/pkcs11.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/rules/call_preconditions.hpp"
#include "diagnose/tables/return_value_explanations.hpp"
#include "text/lines.hpp"
#include "text/nearest.hpp"

namespace p11tape::diagnose {
namespace {

enum class code_kind : std::uint8_t { amq, mqrc, ctgsk, gsk, nss, text };
constexpr bool sure = false, hint = true;

struct code_row {
  code_kind kind;
  std::string_view key;   // "AMQ9669E", "2393", "407"
  std::string_view name;  // of a number
  std::string_view what, why, rules;
  bool is_hint;
  std::string_view whose;  // of a word without a code
};

constexpr code_row codes[] = {
#define AMQ(code, certainty, what, why, rules) {code_kind::amq, #code, "", what, why, rules, certainty, ""},
#define MQRC(number, name, what, rules) {code_kind::mqrc, #number, #name, what, "", rules, false, ""},
#define CTGSK(code, what, why, rules) {code_kind::ctgsk, #code, "", what, why, rules, false, ""},
#define GSK(number, name, why, rules) {code_kind::gsk, #number, #name, "", why, rules, true, ""},
#define TEXT(word, whose, what, why, rules) {code_kind::text, #word, "", what, why, rules, true, whose},
#define SEC(number, name, what, why, rules) {code_kind::nss, #number, #name, what, why, rules, true, ""},
#include "diagnose/tables/mq_codes.def"
#include "diagnose/tables/nss_errors.def"
#undef AMQ
#undef MQRC
#undef CTGSK
#undef GSK
#undef TEXT
#undef SEC
};

#define AMQ(code, certainty, what, why, rules) static_assert(are_rules(rules));
#define MQRC(number, name, what, rules) static_assert(are_rules(rules));
#define CTGSK(code, what, why, rules) static_assert(are_rules(rules));
#define GSK(number, name, why, rules) static_assert(are_rules(rules));
#define TEXT(word, whose, what, why, rules) static_assert(are_rules(rules));
#define SEC(number, name, what, why, rules) static_assert(are_rules(rules));
#include "diagnose/tables/mq_codes.def"
#include "diagnose/tables/nss_errors.def"
#undef AMQ
#undef MQRC
#undef CTGSK
#undef GSK
#undef TEXT
#undef SEC

struct help_row {
  rule_id id;
  std::string_view why, cure, command;
};

constexpr help_row helps[] = {
#define EXPLAIN(id, why, cure, command) {rule_id::id, why, cure, command},
#include "diagnose/tables/finding_explanations.def"
#undef EXPLAIN
};
// A row for each rule, in their order.
static_assert([] {
  for (std::size_t i = 0; i < std::size(helps); ++i)
    if (helps[i].id != static_cast<rule_id>(i)) return false;
  return true;
}());
static_assert(std::size(helps) == rule_count);

std::string upper(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

std::string both_ways(u64 n) { return cat(hex(n), " (", n, ")"); }

std::vector<const rule*> rules_of(std::string_view ids) {
  std::vector<const rule*> found;
  text::for_each_word(ids, [&](std::string_view id) {
    if (const auto* r = find_rule(id)) found.push_back(r);
  });
  return found;
}

std::string_view kind_in_words(code_kind k) noexcept {
  switch (k) {
    case code_kind::amq:
      return "IBM MQ message";
    case code_kind::mqrc:
      return "IBM MQ reason code";
    case code_kind::ctgsk:
      return "runmqakm message";
    case code_kind::gsk:
      return "GSKit return code";
    case code_kind::nss:
      return "NSS error";
    case code_kind::text:
      return "message";
  }
  return "";
}

explanation of(const code_row& c) {
  explanation e;
  e.word = c.name.empty() ? c.key : c.name;
  e.kind = c.kind == code_kind::text ? cat("message of ", c.whose) : std::string(kind_in_words(c.kind));
  if (!c.name.empty()) e.value = c.key;
  e.what = c.what;
  e.why = c.why;
  e.hint = c.is_hint && !c.why.empty();
  e.rules = rules_of(c.rules);
  if (!e.rules.empty()) {
    e.cure = "Record the client, and diagnose the tape.";
    e.command = c.kind == code_kind::amq ? "p11tape diagnose --amqerr AMQERR01.LOG TAPE" : "p11tape diagnose TAPE";
  }
  if (c.kind == code_kind::amq && c.is_hint) e.facts.emplace_back("text", "not IBM's own wording");
  return e;
}

std::string_view group_in_words(std::string_view group) noexcept {
  constexpr std::pair<std::string_view, std::string_view> words[] = {
      {"return_value", "PKCS#11 return value"},  {"mechanism", "PKCS#11 mechanism"}, {"attribute", "PKCS#11 attribute"},
      {"object_class", "PKCS#11 object class"},  {"key_type", "PKCS#11 key type"},   {"user_type", "PKCS#11 user type"},
      {"session_state", "PKCS#11 session state"}};
  for (const auto& [name, text] : words)
    if (name == group) return text;
  return "";
}

void explain_mechanism(explanation& e, u64 value) {
  std::vector<std::string> uses;
  for (const auto& [function, use] : {std::pair{cryptoki::function::C_SignInit, "signatures"},
                                      {cryptoki::function::C_EncryptInit, "encryption"},
                                      {cryptoki::function::C_DigestInit, "digests"},
                                      {cryptoki::function::C_WrapKey, "wrapping keys"},
                                      {cryptoki::function::C_DeriveKey, "deriving keys"},
                                      {cryptoki::function::C_GenerateKey, "generating keys"},
                                      {cryptoki::function::C_EncapsulateKey, "encapsulation"}})
    if (has_uses(value) && is_for(value, function)) uses.emplace_back(use);
  e.what = uses.empty() ? "A mechanism." : cat("A mechanism for ", listed(uses, uses.size()), ".");
  if (const auto* m = cryptoki::find_mechanism(value)) e.facts.emplace_back("parameter", std::string(m->layouts));
  e.why =
      "CKR_MECHANISM_INVALID: the token does not support it, or not for this use or key. CKR_MECHANISM_PARAM_INVALID: its "
      "parameter.";
  e.cure = "Use a mechanism that the token supports.";
  e.command = "pkcs11-tool --module MODULE.so --list-mechanisms";
  e.rules = rules_of("P50 P51");
}

std::string_view form_in_words(cryptoki::form f) noexcept {
  switch (f) {
    case cryptoki::form::flag:
      return "a CK_BBOOL (1 byte)";
    case cryptoki::form::number:
      return "a CK_ULONG";
    case cryptoki::form::date:
      return "a CK_DATE (8 digits)";
    case cryptoki::form::integer:
      return "a DER INTEGER";
    case cryptoki::form::name:
      return "a DER Name";
    case cryptoki::form::curve:
      return "DER: the OID of a named curve";
    default:
      return "bytes";
  }
}

void explain_attribute(explanation& e, u64 value) {
  e.what = "An attribute of objects.";
  if (const auto* a = cryptoki::find_attribute(value)) {
    e.what = cat("An attribute of objects; its value is ", form_in_words(a->kind), ".");
    if (a->meaning != "plain" && !a->meaning.empty()) e.facts.emplace_back("values", std::string(a->meaning));
    e.facts.emplace_back("on the tape", cat("class ", cryptoki::name_of(a->secret)));
  }
  e.why =
      "CKR_ATTRIBUTE_TYPE_INVALID: the object or module does not have it. CKR_ATTRIBUTE_SENSITIVE: it is part of a secret. In "
      "a template: a value that the token does not accept.";
  e.cure = "See the calls that read or set it.";
  e.command = "p11tape show --errors TAPE";
  e.rules = rules_of("P28 P29");
}

// A constant of the header, with what the rows say of it.
explanation of_constant(std::string_view group, std::string_view name, u64 value) {
  explanation e;
  e.word = name;
  e.kind = group_in_words(group);
  if (e.kind.empty()) e.kind = cat("PKCS#11 constant, group ", group);
  e.value = both_ways(value);
  if (group == "return_value") {
    if (const auto* row = find_return_value(value)) {
      e.what = row->what;
      e.why = row->why;
      e.cure = row->cure;
      e.rules = rules_of(row->rules);
      if (value != CKR_OK) e.command = "p11tape show --errors TAPE";
      e.facts.emplace_back("fault", cat("usually ", describe(row->fault)));
    }
    if (const auto word = card::typical_status(value); word != 0) {
      char text[8];
      std::snprintf(text, sizeof text, "%04X", word);
      e.facts.emplace_back("on a card", card::counts_tries(word)
                                            ? std::string("often 63Cx: wrong, x tries left")
                                            : cat("often ", text, ": ", card::status_meaning(word)));
    }
  } else if (group == "mechanism") {
    explain_mechanism(e, value);
    if (name.find("PSS") != std::string_view::npos) {
      e.why =
          "TLS 1.3 needs RSA-PSS. A token that only supports CKM_RSA_PKCS cannot do it; OpenSSL 3.0.12 and later use "
          "CKM_RSA_X_509 instead.";
      e.rules = rules_of("P50 P51");
    }
  } else if (group == "attribute") {
    explain_attribute(e, value);
  }
  return e;
}

void add_by_value(std::vector<explanation>& out, u64 value) {
  for (const auto* group : {"return_value", "mechanism", "attribute", "key_type", "object_class"})
    for (const auto& c : cryptoki::constants())
      if (c.group == group && c.value == value && !c.alias) out.push_back(of_constant(c.group, c.name, c.value));
  if (value >= 0x80000000 && value <= 0xFFFFFFFF) {
    explanation e;
    e.word = both_ways(value);
    e.kind = "vendor-defined value";
    e.what = "Its meaning depends on the module. Names can be added to the constants file.";
    if (value >> 28 == 0xC)
      e.facts.emplace_back("as ICSF on z/OS",
                           cat("return code ", (value >> 16) & 0xFFF, ", reason code ", value & 0xFFFF));
    const auto name = cryptoki::extra_name("return_value", value);
    if (!name.empty()) e.facts.emplace_back("return value", std::string(name));
    e.rules = rules_of("P59");
    out.push_back(std::move(e));
  }
}

void add_codes(std::vector<explanation>& out, std::string_view word) {
  for (const auto& c : codes) {
    const bool without_letter = c.kind == code_kind::amq && c.key.substr(0, 7) == word;
    const bool number_of_amq = c.kind == code_kind::amq && c.key.substr(3, 4) == word;
    if (upper(c.key) == word || c.name == word || without_letter || number_of_amq) out.push_back(of(c));
  }
}

bool is_status(std::string_view word) noexcept {
  const bool hex = word.size() == 4 && word.find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
  return hex && (word[0] == '6' || word[0] == '9');
}

void add_status(std::vector<explanation>& out, std::string_view word) {
  unsigned value = 0;
  std::from_chars(word.data(), word.data() + word.size(), value, 16);
  const auto sw = static_cast<std::uint16_t>(value);
  explanation e;
  e.word = word;
  e.kind = "smart card status word";
  e.what = card::status_meaning(sw);
  const auto rv = card::typical_return_value(sw);
  if (rv != 0) e.facts.emplace_back("modules return", code(rv));
  if (card::counts_tries(sw)) e.rules = rules_of("P12 P15");
  out.push_back(std::move(e));
}

void add_function(std::vector<explanation>& out, std::string_view word) {
  for (const auto& f : cryptoki::functions) {
    const auto name = upper(f.name);
    if (name != word && name.substr(2) != word) continue;
    explanation e;
    e.word = f.name;
    e.kind = "PKCS#11 function";
    std::string arguments;
    for (const auto& a : f.arguments) arguments += cat(arguments.empty() ? "" : ", ", a.type, " ", a.name);
    e.facts.emplace_back("arguments", arguments);
    e.facts.emplace_back("since", f.since == cryptoki::version::v2_40  ? "2.40"
                                  : f.since == cryptoki::version::v3_0 ? "3.0"
                                                                       : "3.2");
    out.push_back(std::move(e));
  }
}

void add_rule(std::vector<explanation>& out, std::string_view word) {
  const auto* r = find_rule(word);
  if (r == nullptr) return;
  explanation e;
  e.word = cat(r->id, " ", r->slug);
  e.kind = cat("finding of p11tape diagnose, severity ", name_of(r->level));
  e.what = cat(r->title, ".");
  const auto& help = helps[static_cast<std::size_t>(r - &row(rule_id{}))];
  e.why = help.why;
  e.cure = help.cure;
  e.command = help.command;
  e.facts.emplace_back("fault", cat("usually ", describe(r->fault)));
  std::vector<std::string> needs;
  for (const auto n : {every_call, durations, threads, inputs, outputs, pins})
    if ((r->needs & n) != 0) needs.emplace_back(describe(n));
  if (!needs.empty()) e.facts.emplace_back("needs", cat("a tape with ", listed(needs, needs.size())));
  out.push_back(std::move(e));
}

// A finding of doctor.
void add_configuration(std::vector<explanation>& out, std::string_view word) {
  for (const auto& f : clients::finding_rows()) {
    if (f.id != word) continue;
    explanation e;
    e.word = f.id;
    e.kind = cat("finding of p11tape doctor, severity ", clients::name_of(f.level));
    e.what = cat(f.title, ".");
    e.why = "A setting of the client's configuration, its module file or its token.";
    e.cure = f.advice.empty() ? std::string("doctor names what to do, if anything.") : std::string(f.advice);
    e.command = "p11tape doctor --help";
    out.push_back(std::move(e));
  }
}

// Messages of known programs that no row is about.
void add_unknown_code(std::vector<explanation>& out, std::string_view word) {
  struct {
    std::string_view prefix, whose, command;
  } constexpr prefixes[] = {{"AMQ", "IBM MQ", "mqrc"},   {"CTGSK", "runmqakm", ""}, {"GSK_", "GSKit", ""},
                            {"MQRC_", "IBM MQ", "mqrc"}, {"SEC_ERROR_", "NSS", ""}, {"SSL_ERROR_", "NSS", ""}};
  for (const auto& p : prefixes) {
    if (!word.starts_with(p.prefix) || word.size() == p.prefix.size()) continue;
    const bool numbered = p.prefix == "AMQ" || p.prefix == "CTGSK";
    if (numbered && (word[p.prefix.size()] < '0' || word[p.prefix.size()] > '9')) continue;
    explanation e;
    e.word = word;
    e.kind = cat("message of ", p.whose);
    e.what = "A message that p11tape has no explanation for; it is not known to be about a token.";
    e.cure = cat("Look it up in the documentation of ", p.whose, ".");
    if (!p.command.empty()) e.command = cat(p.command, " ", word);
    out.push_back(std::move(e));
    return;
  }
}

}  // namespace

std::vector<std::string> known_words() {
  std::vector<std::string> all;
  for (const auto& r : rules()) {
    all.emplace_back(r.id);
    all.emplace_back(r.slug);
  }
  for (const auto& f : clients::finding_rows()) all.emplace_back(f.id);
  for (const auto& c : codes) all.emplace_back(c.name.empty() ? c.key : c.name);
  for (const auto& c : cryptoki::constants()) all.emplace_back(c.name);
  for (const auto& f : cryptoki::functions) all.emplace_back(f.name);
  for (const auto& r : card::pcsc_results()) all.emplace_back(r.name);
  return all;
}

std::string nearest_word(std::string_view word) {
  const auto all = known_words();
  std::vector<std::string> folded;
  folded.reserve(all.size());
  for (const auto& w : all) folded.push_back(upper(w));
  const auto near = text::nearest(upper(word), folded);
  for (std::size_t i = 0; i < all.size(); ++i)
    if (folded[i] == near && !near.empty()) return all[i];
  return {};
}

std::vector<explanation> explain(std::string_view given) {
  std::vector<explanation> out;
  if (given.empty()) return out;
  const auto word = upper(given);
  add_rule(out, given);
  add_configuration(out, word);
  add_codes(out, word);
  for (const auto& c : cryptoki::constants())
    if (c.name == word)
      out.push_back(of_constant(c.group, c.alias ? cryptoki::name_of(c.group, c.value) : c.name, c.value));
  add_function(out, word);

  const bool is_hex = word.starts_with("0X");
  const auto digits = std::string_view(word).substr(is_hex ? 2 : 0);
  u64 value = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value, is_hex ? 16 : 10);
  const bool is_number = !digits.empty() && read.ec == std::errc() && read.ptr == digits.data() + digits.size();
  if (is_status(word)) add_status(out, word);
  if (is_number && (is_hex || out.empty() || value < 1024)) add_by_value(out, value);
  if (out.empty()) {
    if (const auto* p = [&]() -> const card::pcsc_result* {
          for (const auto& r : card::pcsc_results())
            if (r.name == word) return &r;
          return is_hex ? card::find_pcsc_result(static_cast<std::uint32_t>(value)) : nullptr;
        }())
      out.push_back({std::string(p->name),
                     "PC/SC result",
                     both_ways(p->value),
                     std::string(p->meaning),
                     "",
                     "",
                     false,
                     {},
                     "",
                     {{"modules return", code(p->return_value)}}});
  }
  if (out.empty()) add_unknown_code(out, word);
  return out;
}

}  // namespace p11tape::diagnose
