// SPDX-License-Identifier: Apache-2.0
// The rules: a row each, with a stable id, in rules.def. A rule looks at what was gathered and says what it finds.
#pragma once

#include <span>
#include <vector>

#include "diagnose/facts/client_config.hpp"
#include "diagnose/facts/facts.hpp"
#include "diagnose/finding.hpp"
#include "text/lines.hpp"

namespace p11tape::diagnose {

/// What a rule is shown: one tape, and what stands around it.
struct rule_input {
  const process_facts& d;
  std::span<const process_facts> all;
  const configured& set;

  const process_facts* parent() const noexcept { return d.parent ? &all[*d.parent] : nullptr; }
};

using findings = std::vector<finding>;

/// What rules are about.
enum class family : std::uint8_t { loading, label, pin, object, session, operation, device, slowness, module, general };

/// What a rule needs of a tape: bits.
enum need : std::uint8_t {
  nothing = 0,
  every_call = 1,
  durations = 2,
  threads = 4,
  inputs = 8,
  outputs = 16,
  pins = 32,
};

struct rule {
  std::string_view id, slug;
  severity level;
  diagnose::fault fault;  ///< in the plain case
  diagnose::family family;
  unsigned needs;  ///< need bits
  std::string_view title;
  void (*look)(const rule_input&, const rule&, findings&);  ///< nullptr: found by the rule that it is a sub-class of
};

std::span<const rule> rules() noexcept;

/// The ids as an enumeration, for tables: an id that no row has does not compile.
enum class rule_id : std::uint8_t {
#define RULE(id, slug, level, whose, family, needs, function, title) id,
#define SUBRULE(id, slug, level, whose, family, title) id,
#include "diagnose/tables/rules.def"
#undef RULE
#undef SUBRULE
};
inline constexpr std::size_t rule_count = 0
#define RULE(id, slug, level, whose, family, needs, function, title) +1
#define SUBRULE(id, slug, level, whose, family, title) +1
#include "diagnose/tables/rules.def"
#undef RULE
#undef SUBRULE
    ;
const rule& row(rule_id id) noexcept;

/// Whether each of the words is the id of a rule: for static_assert over tables that name several in a text.
consteval bool are_rules(std::string_view ids);

/// What a tape lacks, as need bits: calls that a recording filter left out, and what the log of an imported tape does not
/// show.
unsigned lacking_of(const process_facts& d) noexcept;
/// "how long calls took"
std::string_view describe(need n) noexcept;

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

consteval bool are_rules(std::string_view ids) {
  constexpr std::string_view all[] = {
#define RULE(id, slug, level, whose, family, needs, function, title) #id,
#define SUBRULE(id, slug, level, whose, family, title) #id,
#include "diagnose/tables/rules.def"
#undef RULE
#undef SUBRULE
  };
  bool known = true;
  text::for_each_word(ids, [&](std::string_view word) {
    bool found = false;
    for (const auto id : all) found = found || id == word;
    known = known && found;
  });
  return known;
}

namespace rule_functions {
#define RULE(id, slug, level, whose, family, needs, function, title) \
  void function(const rule_input&, const rule&, findings&);
#define SUBRULE(id, slug, level, whose, family, title)
#include "diagnose/tables/rules.def"
#undef RULE
#undef SUBRULE
}  // namespace rule_functions

}  // namespace p11tape::diagnose
