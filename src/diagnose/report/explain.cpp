// SPDX-License-Identifier: Apache-2.0
#include "diagnose/report/explain.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "card/status.hpp"
#include "cryptoki/extra_names.hpp"
#include "diagnose/phrase.hpp"
#include "diagnose/tables/return_values.hpp"

namespace p11tape::diagnose {
namespace {

enum class code_kind : std::uint8_t { amq, mqrc, ctgsk, gsk };
constexpr bool sure = false, hint = true;

struct code_row {
  code_kind kind;
  std::string_view key;   // "AMQ9669E", "2393", "407"
  std::string_view name;  // of a number
  std::string_view what, why, rules;
  bool is_hint;
};

constexpr code_row codes[] = {
#define AMQ(code, certainty, what, why, rules) {code_kind::amq, #code, "", what, why, rules, certainty},
#define MQRC(number, name, what, rules) {code_kind::mqrc, #number, #name, what, "", rules, false},
#define CTGSK(code, what, why, rules) {code_kind::ctgsk, #code, "", what, why, rules, false},
#define GSK(number, name, why, rules) {code_kind::gsk, #number, #name, "", why, rules, true},
#include "diagnose/tables/codes.def"
#undef AMQ
#undef MQRC
#undef CTGSK
#undef GSK
};

std::string upper(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

std::string both_ways(u64 n) { return cat(hex(n), " (", n, ")"); }

std::vector<const rule*> rules_of(std::string_view ids) {
  std::vector<const rule*> found;
  while (!ids.empty()) {
    const auto end = std::min(ids.find(' '), ids.size());
    if (const auto* r = find_rule(ids.substr(0, end))) found.push_back(r);
    ids.remove_prefix(std::min(end + 1, ids.size()));
  }
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
  }
  return "";
}

explanation of(const code_row& c) {
  explanation e;
  e.word = c.name.empty() ? c.key : c.name;
  e.kind = kind_in_words(c.kind);
  if (!c.name.empty()) e.value = c.key;
  e.what = c.what;
  e.why = c.why;
  e.hint = c.is_hint && !c.why.empty();
  e.rules = rules_of(c.rules);
  if (c.kind == code_kind::amq && c.is_hint) e.facts.push_back({"text", "not IBM's own wording"});
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
      e.facts.push_back({"fault", cat("usually ", describe(row->fault))});
    }
    if (const auto word = card::typical_status(value); word != 0) {
      char text[8];
      std::snprintf(text, sizeof text, "%04X", word);
      e.facts.push_back({"on a card", cat("often ", text, ": ", card::status_meaning(word))});
    }
  } else if (group == "mechanism") {
    if (const auto* m = cryptoki::find_mechanism(value)) e.facts.push_back({"parameter", std::string(m->layouts)});
    if (name.find("PSS") != std::string_view::npos) {
      e.why =
          "TLS 1.3 needs RSA-PSS. A token that only supports CKM_RSA_PKCS cannot do it; OpenSSL 3.0.12 and later use "
          "CKM_RSA_X_509 instead.";
      e.rules = rules_of("P50 P51");
    }
  } else if (group == "attribute") {
    if (const auto* a = cryptoki::find_attribute(value)) {
      if (a->meaning != "plain" && !a->meaning.empty()) e.facts.push_back({"values", std::string(a->meaning)});
      e.facts.push_back({"on the tape", cat("class ", cryptoki::name_of(a->secret))});
    }
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
      e.facts.push_back(
          {"as ICSF on z/OS", cat("return code ", (value >> 16) & 0xFFF, ", reason code ", value & 0xFFFF)});
    const auto name = cryptoki::extra_name("return_value", value);
    if (!name.empty()) e.facts.push_back({"return value", std::string(name)});
    e.rules = rules_of("P59");
    out.push_back(std::move(e));
  }
}

void add_codes(std::vector<explanation>& out, std::string_view word) {
  for (const auto& c : codes) {
    const bool without_letter = c.kind == code_kind::amq && c.key.substr(0, 7) == word;
    const bool number_of_amq = c.kind == code_kind::amq && c.key.substr(3, 4) == word;
    if (c.key == word || c.name == word || without_letter || number_of_amq) out.push_back(of(c));
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
  if (rv != 0) e.facts.push_back({"modules return", code(rv)});
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
    e.facts.push_back({"arguments", arguments});
    e.facts.push_back({"since", f.since == cryptoki::version::v2_40  ? "2.40"
                                : f.since == cryptoki::version::v3_0 ? "3.0"
                                                                     : "3.2"});
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
  if (r->needs_every_call) e.facts.push_back({"filters", "not checked on tapes with recording filters"});
  out.push_back(std::move(e));
}

}  // namespace

std::vector<explanation> explain(std::string_view given) {
  std::vector<explanation> out;
  if (given.empty()) return out;
  const auto word = upper(given);
  add_rule(out, given);
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
                     {{"modules return", code(p->return_value)}}});
  }
  return out;
}

}  // namespace p11tape::diagnose
