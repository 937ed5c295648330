// SPDX-License-Identifier: Apache-2.0
#include "diagnose/merge_findings.hpp"

#include <algorithm>
#include <optional>

#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/rules/rules.hpp"

namespace p11tape::diagnose {
namespace {

// Notes are what they are on each tape.
bool can_join(const finding& a, const finding& b) noexcept {
  return a.tape != b.tape && a.by == b.by && a.id == b.id && a.level == b.level && a.say == b.say &&
         a.level != severity::info;
}

// The length that all failed logins of the finding passed; nothing where they differ or are not known.
std::optional<u64> pin_length(std::span<const process_facts> all, const std::vector<const finding*>& group) {
  std::optional<u64> length;
  for (const auto* f : group)
    for (const auto& e : f->shown)
      for (const auto& u : all[f->tape].logins.all()) {
        if (std::find(e.calls.begin(), e.calls.end(), u.call) == e.calls.end() || u.ok()) continue;
        if (!u.pin_known || (length && *length != u.pin.length)) return std::nullopt;
        length = u.pin.length;
      }
  return length;
}

// When the call was made, ns since 1970; 0 if the facts do not have it.
u64 wall_of(const process_facts& d, call_number call) noexcept {
  for (const auto& i : d.failed_calls.all())
    for (const auto& s : i.samples)
      if (s.call == call) return s.wall;
  for (const auto& u : d.logins.all())
    if (u.call == call) return u.wall;
  for (const auto& t : d.initialization.turns)
    if (t.call == call) return t.wall;
  return 0;
}

}  // namespace

void merge_findings(std::span<const process_facts> all, std::vector<finding>& found) {
  std::vector<finding> joined;
  std::vector<bool> taken(found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (taken[i]) continue;
    std::vector<const finding*> group{&found[i]};
    for (std::size_t j = i + 1; j < found.size(); ++j)
      if (!taken[j] && can_join(found[i], found[j])) {
        taken[j] = true;
        group.push_back(&found[j]);
      }
    if (group.size() == 1) {
      joined.push_back(std::move(found[i]));
      continue;
    }
    auto f = found[i];
    u64 first = 0, last = 0, calls = 0;
    std::vector<std::string> programs;
    for (const auto* g : group) {
      const auto& d = all[g->tape];
      if (g != group.front() && std::find(f.also_in.begin(), f.also_in.end(), g->tape) == f.also_in.end())
        f.also_in.push_back(g->tape);
      const auto name = d.program.empty() ? std::string("an unnamed program") : label::printable(d.program);
      if (std::find(programs.begin(), programs.end(), name) == programs.end()) programs.push_back(name);
      for (const auto& e : g->shown)
        for (const auto c : e.calls) {
          const auto wall = wall_of(d, c);
          if (wall == 0) continue;
          ++calls;
          first = first == 0 ? wall : std::min(first, wall);
          last = std::max(last, wall);
        }
    }
    const auto processes = f.also_in.size() + 1;
    const auto span = last > first ? cat(" within ", duration(last - first)) : std::string();
    const auto length = f.id == row(rule_id::P12).id ? pin_length(all, group) : std::nullopt;
    if (length) f.say = cat(processes, " processes sent a wrong PIN of ", counted(*length, "byte"), span, ". ", f.say);
    // Second, so that it is seen where only the first pieces of evidence are shown.
    const auto place = f.shown.begin() + (f.shown.empty() ? 0 : 1);
    f.shown.insert(place, {{},
                           cat(processes, " processes of ", listed(programs), " show the same", span,
                               calls > processes ? cat(", ", calls, " calls in all") : "")});
    for (const auto* g : group)
      if (g != group.front())
        for (const auto& c : g->consequences) f.consequences.push_back(c);
    joined.push_back(std::move(f));
  }
  found = std::move(joined);
}

}  // namespace p11tape::diagnose
