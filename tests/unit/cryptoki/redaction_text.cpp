// SPDX-License-Identifier: Apache-2.0
#include "redaction_text.hpp"

#include <map>
#include <vector>

#include "cryptoki/redaction.hpp"
#include "cryptoki/tables.hpp"
#include "redaction_reasons.hpp"

namespace p11tape::test {
namespace {

using namespace cryptoki;

std::string words_of(treatment t) {
  switch (t) {
    case treatment::withhold:
      return "NULL or not";
    case treatment::length:
      return "length";
    case treatment::rounded_length:
      return "length, rounded up";
    case treatment::whole:
      return "whole";
    case treatment::pin_facts:
      return "length, anomalies, which PIN of the process";
    case treatment::by_certificate:
      return "certificates; else as `key`";
  }
  return {};
}

/// The treatment of a class, with what the code that applies it knows besides.
std::string words_of(redaction_class s, std::size_t profile) {
  const auto t = treat(profile, s);
  const bool strict = profile == 1;
  if (s == redaction_class::value && strict) return "SHA-256 of a certificate; else as `key`";
  if (s == redaction_class::pin && t == treatment::withhold) return "given or not";
  if (s == redaction_class::by_otp_type || s == redaction_class::by_prf_type) return "by its type";
  return words_of(t);
}

std::string code(std::string_view name) { return "`" + std::string{name} + "`"; }

/// The heading under which a field is listed: its class, or what leads on to the class of something else.
std::string heading(const field& f) {
  const auto target = std::string{f.target.empty() ? f.meaning : f.target};
  switch (f.kind) {
    case shape::attributes:
      return "a template";
    case shape::mechanism:
      return "a mechanism";
    case shape::record:
    case shape::records:
    case shape::function_list:
    case shape::interface:
      return "→ " + target;
    case shape::address:
      if (f.target == "message_parameter") return "the parameter of the session's message mechanism";
      if (!f.target.empty()) return "→ " + target;
      break;
    default:
      break;
  }
  return std::string{name_of(f.secret)};
}

/// One row: "**pin** `pPin`; scalar `hSession`, `userType`", secrets first, in the order of the classes' table.
std::string list(std::span<const field> fields) {
  std::map<std::string, std::string> by_heading;
  std::vector<std::string> others;  // headings that are no class, in the order of the fields
  for (const auto& f : fields) {
    const auto h = heading(f);
    auto& names = by_heading[h];
    redaction_class ignored;
    if (names.empty() && !parse_secrecy(h, ignored)) others.push_back(h);
    names += (names.empty() ? "" : ", ") + code(f.name);
  }
  std::string result;
  const auto add = [&](const std::string& h, const std::string& shown) {
    if (const auto at = by_heading.find(h); at != by_heading.end())
      result += (result.empty() ? "" : "; ") + shown + " " + at->second;
  };
  for (const auto& r : redaction_reasons) {
    const auto h = std::string{name_of(r.of)};
    add(h, r.of == redaction_class::scalar ? h : "**" + h + "**");
  }
  for (const auto& h : others) add(h, h);
  return result;
}

}  // namespace

std::string redaction_text() {
  std::string out =
      "# What is recorded, and why\n\n"
      "Made from the rows by `redaction-list` (tests/unit/cryptoki); a test fails when it is stale. Do not edit it: "
      "edit\n"
      "the rows (`*.def`), `redaction.hpp`, or the reasons (tests/unit/cryptoki/redaction_reasons.hpp), and run\n\n"
      "    build/bin/redaction-list > src/cryptoki/REDACTION.md\n\n"
      "Each argument, attribute and struct field has a class; a profile says what is recorded of each class; nothing "
      "else\n"
      "decides. What has no class is `key`. \"Whole\" means up to 8 KiB. No profile, setting or build records a PIN, "
      "a\n"
      "password, a key, decrypted data or random.\n\n"
      "## Classes\n\n"
      "| class | holds | `default` | `strict` | `payload` | why |\n|---|---|---|---|---|---|\n";
  for (const auto& r : redaction_reasons) {
    out += "| " + code(name_of(r.of)) + " | " + std::string{r.holds};
    for (std::size_t profile = 0; profile < profile_count; ++profile) out += " | " + words_of(r.of, profile);
    out += " | " + std::string{r.why} + " |\n";
  }

  out +=
      "\n## Functions\n\n"
      "Besides the classes: *a template* is recorded attribute by attribute, *a mechanism* by the fields of its "
      "parameter,\n"
      "and `→` leads to the fields of a struct.\n\n"
      "| function | arguments |\n|---|---|\n";
  for (const auto& f : functions) out += "| " + std::string{f.name} + " | " + list(f.arguments) + " |\n";

  out += "\n## Structs\n\n| struct | fields |\n|---|---|\n";
  for (const auto& r : records) out += "| " + std::string{r.name} + " | " + list(r.fields) + " |\n";

  out +=
      "\n## Attributes\n\n"
      "An attribute that is not listed is `key`; so are vendor attributes.\n\n"
      "| class | attributes |\n|---|---|\n";
  for (const auto& r : redaction_reasons) {
    std::string names, templates;
    for (const auto& a : attributes()) {
      auto& to = a.kind == form::template_ ? templates : names;
      if (a.secret == r.of) to += (to.empty() ? "" : ", ") + code(a.name);
    }
    if (!names.empty()) out += "| **" + std::string{name_of(r.of)} + "** | " + names + " |\n";
    if (!templates.empty()) out += "| a template | " + templates + " |\n";
  }

  out +=
      "\n## Mechanism parameters that are not structs\n\n"
      "| layout | class | mechanisms |\n|---|---|---|\n";
  const std::pair<const char*, const char*> layouts[] = {
      {"iv", "parameter"}, {"bytes", "parameter"}, {"number", "scalar"}, {"handle", "scalar"}, {"version", "scalar"}};
  for (const auto& [layout, secrecy_word] : layouts) {
    std::string names;
    for (const auto& m : mechanisms()) {
      const auto padded = " " + std::string{m.layouts} + " ";
      if (padded.find(" " + std::string{layout} + " ") != std::string::npos)
        names += (names.empty() ? "" : ", ") + code(m.name);
    }
    out += "| " + std::string{layout} + " | **" + secrecy_word + "** | " + names + " |\n";
  }
  out += "| any other: of an unknown or vendor mechanism, or of a length that fits no layout | **key** | |\n";
  return out;
}

}  // namespace p11tape::test
