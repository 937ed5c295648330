// SPDX-License-Identifier: Apache-2.0
#include "diagnose/rules/rules.hpp"

#include <algorithm>

#include "clients/reading.hpp"
#include "diagnose/phrase.hpp"

namespace p11tape::diagnose {
namespace {

enum needs : bool { any_tape = false, every_call = true };

constexpr rule rows[] = {
#define RULE(id, slug, level, needs, function, title) \
  {#id, #slug, severity::level, needs, title, rule_functions::function},
#define SUBRULE(id, slug, level, title) {#id, #slug, severity::level, false, title, nullptr},
#include "diagnose/tables/rules.def"
#undef RULE
#undef SUBRULE
};

}  // namespace

std::span<const rule> rules() noexcept { return rows; }

const rule* find_rule(std::string_view name) noexcept {
  for (const auto& r : rows)
    if (clients::same_word(r.id, name) || clients::same_word(r.slug, name)) return &r;
  return nullptr;
}

finding& add(findings& out, const rule_input& s, const rule& by) {
  auto& f = out.emplace_back();
  f.by = &by;
  f.id = by.id;
  f.slug = by.slug;
  f.level = by.level;
  f.tape = s.d.index;
  return f;
}

void soften(finding& f, const rule_input& s, const failed_call& i) {
  if (f.level == severity::error && s.d.succeeded_after(i.which, i.last)) f.level = severity::warning;
}

void show_incident(finding& f, const failed_call& i) {
  std::vector<u64> calls;
  for (const auto& s : i.samples) calls.push_back(s.call);
  f.show(std::move(calls), how_often(i));
  for (const auto& s : i.samples)
    if (!s.card.empty()) {
      f.show({s.call}, cat("on the card: ", s.card));
      break;
    }
}

std::string_view name_of(severity s) noexcept {
  return s == severity::error ? "error" : s == severity::warning ? "warning" : "info";
}

u64 finding::first_call() const noexcept {
  u64 first = 0;
  for (const auto& e : shown)
    for (const auto c : e.calls)
      if (first == 0 || c < first) first = c;
  return first;
}

}  // namespace p11tape::diagnose
