// SPDX-License-Identifier: Apache-2.0
// The rules: a row each, with a stable id, in rules.def. A rule looks at what was gathered and says what it finds.
#pragma once

#include <span>
#include <vector>

#include "diagnose/facts/configured.hpp"
#include "diagnose/facts/facts.hpp"
#include "diagnose/finding.hpp"

namespace p11tape::diagnose {

/// What a rule is shown: one tape, and what stands around it.
struct rule_input {
  const process_facts& d;
  std::span<const process_facts> all;
  const configured& set;

  const process_facts* parent() const noexcept { return d.parent < all.size() ? &all[d.parent] : nullptr; }
};

using findings = std::vector<finding>;

struct rule {
  std::string_view id, slug;
  severity level;
  diagnose::fault fault;  ///< in the plain case
  bool needs_every_call;  ///< silent where a filter left calls out
  std::string_view title;
  void (*look)(const rule_input&, const rule&, findings&);  ///< nullptr: found by the rule that it is a sub-class of
};

std::span<const rule> rules() noexcept;

/// By id or slug, whatever the case; nullptr where there is none.
const rule* find_rule(std::string_view name) noexcept;

/// A new finding of the rule, with its severity. The reference lives until the next one is added.
finding& add(findings& out, const rule_input& s, const rule& by);

/// A failing call whose function succeeded later is half as bad; nothing to worry about if the client at once tried
/// another way, and that worked.
void soften(finding& f, const rule_input& s, const failed_call& i);

/// Adds what is seen in an incident's samples.
void show_incident(finding& f, const failed_call& i);

/// A finding covers a failed call if its evidence names one of the samples.
bool covers(const finding& f, const failed_call& i) noexcept;

namespace rule_functions {
#define RULE(id, slug, level, whose, needs, function, title) void function(const rule_input&, const rule&, findings&);
#define SUBRULE(id, slug, level, whose, title)
#include "diagnose/tables/rules.def"
#undef RULE
#undef SUBRULE
}  // namespace rule_functions

}  // namespace p11tape::diagnose
