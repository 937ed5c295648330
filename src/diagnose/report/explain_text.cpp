// SPDX-License-Identifier: Apache-2.0
// Explanations for people and as JSON.
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/report/explain.hpp"
#include "text/json_writer.hpp"

namespace p11tape::diagnose {
namespace {

void line(std::string_view label, std::string_view text, std::string& out) {
  if (text.empty()) return;
  std::string head = cat("  ", label);
  head.resize(std::max<std::size_t>(head.size() + 1, 16), ' ');
  out += head + std::string(text) + "\n";
}

}  // namespace

void append_text(const explanation& e, std::string& out) {
  out += cat(e.word, e.value.empty() ? "" : cat(" = ", e.value), ", ", e.kind, "\n");
  line("says", e.what, out);
  line(e.hint ? "likely" : "because", e.why, out);
  line("do", e.cure, out);
  line("run", e.command, out);
  for (const auto& [name, text] : e.facts) line(name, text, out);
  for (std::size_t i = 0; i < e.rules.size(); ++i)
    line(i == 0 ? "see" : "", cat(e.rules[i]->id, " ", e.rules[i]->title), out);
}

void append_json(const std::vector<explanation>& all, std::string_view word, std::string& out) {
  text::json_writer json(out);
  json.begin_object();
  json.field("schema", text::json_schema);
  json.field("kind", "explanation");
  json.field("word", word);
  json.key("meanings");
  json.begin_array();
  for (const auto& e : all) {
    json.begin_object();
    json.field("name", e.word);
    json.field("is", e.kind);
    json.field("value", e.value);
    json.field("says", e.what);
    json.field("because", e.why);
    json.field("fix", e.cure);
    json.field("command", e.command);
    json.field("hint", e.hint);
    json.key("facts");
    json.begin_object();
    for (const auto& [name, text] : e.facts) json.field(name, text);
    json.end_object();
    json.key("rules");
    json.begin_array();
    for (const auto* r : e.rules) json.element(r->id);
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.end_object();
  json.end_line();
}

}  // namespace p11tape::diagnose
